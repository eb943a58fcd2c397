#load "../prelude.csx"

Scenario("An interrupt at any tick waits for the guest to become ready, and comes once", covers: "B4", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(5, a => a.inc(__dword_ptr[0x9800]));
        k.Boot(a =>
        {
            a.mov(__dword_ptr[0x9800], 0);
            for (int window = 0; window < 3; window++)
            {
                a.nop();
                a.sti(); a.nop(); a.cli();                      // between STI's shadow and CLI there is one boundary
            }

            a.nop();
            a.sti(); a.nop(); a.nop(); a.cli();
        });
    });

    s.Sweep(guest, from: 22, to: 37, tick => Injection.Interrupt(tick), run =>
    {
        run.Bare.Memory(0x9800).Should().Be(1);
        var bare = run.Bare.Level(0).OfCause("vector 37").Single();
        run.Each(Monitor.Paravirtual, e => e.Should().MatchBare());
        run.Each(Monitor.Unmodified, e =>
        {
            e.Should().MatchBare();
            var found = e.Level(0).OfCause("vector 37").Single();
            (found.Tick, found.Address).Should().Be((bare.Tick, bare.Address));
        });
    });
});
