#load "hypervisor.csx"

Scenario("VMCALL as a hypercall: a service of the hypervisor that costs one exit", covers: "F8,F9", s =>
{
    var guest = Hypervisor.Build(
        enter: a => a.vmlaunch(),
        exit: a =>
        {
            var off = a.CreateLabel();
            a.test(al, al); a.je(off);                                   // 0 ends the guest; others are characters for the console
            a.mov(dx, 0x3F8); a.@out(dx, al);
            a.mov(eax, 0x681E); a.vmread(ebx, eax);
            a.add(ebx, 3); a.vmwrite(eax, ebx);                          // VMCALL has three bytes
            a.vmresume();
            a.Label(off);
            a.vmxoff();
            a.Done();
        },
        guest: a =>
        {
            foreach (char c in "Hi!\n\0")
            {
                a.mov(eax, (uint)c);
                a.vmcall();
            }
        });

    var run = s.Run(guest, settings: new RunSettings { ExposeVirtualization = true });
    run.Bare.Console.Should().Be("Hi!\n");
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Bare.Level(1).Exits.Should().HaveCount(5);
    run.Bare.Level(1).Exits.OfCause("VMCALL").Should().HaveCount(5);
});
