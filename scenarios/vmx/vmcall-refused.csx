#load "../prelude.csx"

Scenario("VMCALL to a hypervisor that offers nothing exits and is undefined", covers: "F8", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.UD, a => { a.inc(ebx); a.Done(); });
        k.Boot(a =>
        {
            a.xor(ebx, ebx);
            a.Mark("vmcall"); a.vmcall();
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(1, "without VMX operation the instruction is not there");
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.On("vtx", e => e.Should().HaveExits(1, at: "vmcall", cause: "VMCALL"));
});
