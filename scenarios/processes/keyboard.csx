#load "../prelude.csx"

Scenario("A program sleeps until a key interrupts; another runs meanwhile, and then the kernel has nothing to do but wait", covers: "B3, E1", s =>
{
    const uint Read = GuestLayout.ProcessBase + 0x4000;
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.User(a =>
        {
            a.mov(ebx, Read); a.mov(edi, 4);
            var next = a.Here("next");
            k.ReadKey(a);
            a.mov(__byte_ptr[ebx], al);
            a.inc(ebx);
            a.dec(edi); a.jne(next);
            a.mov(esi, __dword_ptr[Read]);
            k.Print(a, "read\n");
            a.Done();
        });
        k.User(a =>
        {
            a.mov(ecx, 30_000);
            var spin = a.Here("spin");
            a.dec(ecx); a.jne(spin);
            k.Print(a, "computed\n");
        });
    });

    byte[][] keys = [[0x1C], [0xF0, 0x1C], [0x32], [0xF0, 0x32]];   // a and b, pressed and released, in scan code set 2
    TimedInput[] typed = [.. keys.Select((key, i) => new TimedInput(20_000 * (i + 1), key))];
    var run = s.Run(guest, settings: new RunSettings { Devices = new GuestDevices { KeyboardInput = typed } });
    run.Bare.Console.Should().Be("computed\nread\n");
    run.Bare.Esi.Should().Be(0xB0309E1E);
    run.Bare.Details.HaltedTicks.Should().BeGreaterThan(15_000, "the last key comes when nobody computes any more");
    run.Bare.Level(0).OfCause("vector 33").Should().HaveCount(4);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Paravirtual, e => e.Events.Count(EngineEventKind.Hypercall, "block").Should().BeGreaterThan(0, "HLT has to be said"));
    run.Each(Monitor.HardwareAssisted, e => e.Events.Exits.OfCause("HLT").Should().NotBeEmpty());
    run.Each(Monitor.Deprivileged, e => e.Events.OfInstruction("sti").Should().NotBeEmpty("HLT follows at once, before another trap"));
});
