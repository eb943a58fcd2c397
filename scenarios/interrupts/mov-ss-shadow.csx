#load "../prelude.csx"

Scenario("An interrupt at any tick leaves MOV SS and the instruction after it together", covers: "B4", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(5, a => a.inc(__dword_ptr[0x9800]));
        k.Boot(a =>
        {
            a.mov(ecx, Selectors.Data0);
            a.mov(edx, esp);
            a.sti();
            a.nop();
            a.nop();
            a.mov(ss, ecx);
            a.Mark("shadow"); a.mov(esp, edx);
            a.nop();
            a.nop();
            a.cli();
        });
    });

    s.Sweep(guest, from: 22, to: 29, tick => Injection.Interrupt(tick), run =>
    {
        var bare = run.Bare.Level(0).OfCause("vector 37");
        bare.Should().HaveCount(1);
        bare.At("shadow").Should().BeEmpty();
        run.Each(Monitor.Any, e =>
        {
            e.Should().MatchBare();
            e.Level(0).OfCause("vector 37").Single().Tick.Should().Be(bare.Single().Tick);
        });
    });
});
