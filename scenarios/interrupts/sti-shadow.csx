#load "../prelude.csx"

// A line that is up before STI: the instruction after STI runs first, and STI with CLI behind it opens no window (SDM Vol. 2B, STI).
foreach (bool closed in new[] { false, true })
{
    Scenario("STI takes effect after the next instruction", covers: "B4", parameters: new { next = closed ? "cli" : "inc" }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnIrq(5, a => a.mov(__dword_ptr[0x9800], edx));
            k.Boot(a =>
            {
                a.mov(__dword_ptr[0x9800], 0);
                a.mov(edx, 1);
                a.mov(ecx, 100);
                var wait = a.Here("wait");
                a.loop(wait);
                a.sti();
                Action shadow = closed ? a.cli : () => a.inc(edx);
                shadow();
                a.Mark("after"); a.inc(edx);
                a.cli();
                a.mov(ebx, __dword_ptr[0x9800]);
            });
        });

        var run = s.Inject(guest, Injection.Interrupt(60));
        run.Bare.Ebx.Should().Be(closed ? 0u : 2u, "the handler sees EDX as it was when the interrupt came");
        run.Bare.Level(0).OfCause("vector 37").At("after").Should().HaveCount(closed ? 0 : 1);
        run.Each(Monitor.Any, e => e.Should().MatchBare());
        run.Each(Monitor.Unmodified, e =>
        {
            e.Level(0).OfCause("vector 37").At("after").Should().HaveCount(closed ? 0 : 1);
        });
    });
}
