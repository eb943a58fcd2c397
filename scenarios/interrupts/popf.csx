#load "../prelude.csx"

Scenario("An interrupt that POPF lets in never comes where POPF loses IF", covers: "B4,B5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(5, a => a.inc(__dword_ptr[0x9800]));
        k.Boot(a =>
        {
            a.mov(__dword_ptr[0x9800], 0);
            a.push(Flags.IF | Flags.Fixed);
            a.mov(ecx, 20);
            var wait = a.Here("wait");
            a.loop(wait);                                // the line rises meanwhile
            a.Mark("popf"); a.popfd();
            a.Mark("ready"); a.nop();                    // no shadow after POPF: the handler runs first
            a.cli();
        });
    });

    var run = s.Inject(guest, Injection.Interrupt(30));
    run.Bare.Memory(0x9800).Should().Be(1);
    run.Bare.Level(0).OfCause("vector 37").At("ready").Should().HaveCount(1);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().FirstDivergeFromBare(at: "popf", value: "eflags.IF", bare: 1, found: 0);
        e.Memory(0x9800).Should().Be(0);
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "popf").And.HaveExits(1, at: "ready", cause: "interrupt window"));
});
