#load "../prelude.csx"

Scenario("A guest that masks interrupts does not mask the host's, and gets its own when it unmasks them", covers: "B4", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(0, a => a.inc(__dword_ptr[0x9800]));
        k.Boot(a =>
        {
            var wait = a.CreateLabel();
            a.mov(__dword_ptr[0x9800], 0);
            a.EmitTimerSetup(12);                   // every 10,057 ticks
            a.mov(ecx, 20_000);
            using (a.Mark("masked"))
            {
                a.Label(wait);
                a.dec(ecx);
                a.jne(wait);                        // 40,000 instructions with IF = 0
            }

            a.Mark("sti"); a.sti();
            a.Mark("shadow"); a.mov(ebx, __dword_ptr[0x9800]);
            a.Mark("ready"); a.mov(ecx, __dword_ptr[0x9800]);
            a.cli();
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(0);
    run.Bare.Ecx.Should().Be(1, "the controller remembers one edge of the line, however many there were");
    run.Bare.Level(0).OfCause("vector 32").At("ready").Should().HaveCount(1);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Any, e => e.Level(0).OfCause("vector 32").Should().HaveCount(1));
    run.Each(Monitor.Unmodified, e =>
    {
        e.Level(0).OfCause("vector 32").Single().Tick.Should().Be(run.Bare.Level(0).OfCause("vector 32").Single().Tick);
    });
    run.Each(Monitor.Deprivileged, e => e.Events.OfKind(EngineEventKind.Interrupt).At("masked").Should().NotBeEmpty("the host's interrupts arrive meanwhile"));
    run.Each(Monitor.Deprivileged | Monitor.HardwareAssisted, e => e.Events.Injections.OfReason("interrupt").At("ready").Should().HaveCount(1));
    run.Each(Monitor.HardwareAssisted, e => e.Events.Exits.OfCause("external interrupt").At("masked").Should().NotBeEmpty("they arrive here too"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "sti").And.HaveExits(1, at: "ready", cause: "interrupt window"));
});
