#load "../prelude.csx"

Scenario("Ring compression: the guest's own ring 1 is the one that its kernel was moved to", covers: "B6,A5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.GP, a => { a.inc(ebx); a.Done(); });
        k.Ring(1, a =>
        {
            a.xor(ebx, ebx);
            a.mov(eax, cs);
            a.Mark("cli"); a.cli();                              // ring 1 may not, while IOPL is 0
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(1);
    run.Bare.Level(0).OfCause("#GP").At("cli").Should().HaveCount(1);
    run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
    run.All.Should().NotContain(e => e.Kind == Monitor.Deprivileged, "a deprivileging monitor has no ring left for it and says so");
});
