#load "../prelude.csx"

Scenario("An NMI that arrives at the third I/O exit comes before the next instruction under every engine", covers: "B4", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt((byte)Vector.NMI, a =>
        {
            a.inc(ebx);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.xor(ebx, ebx);
            a.@in(al, 0x21);
            a.nop();
            a.@in(al, 0xA1);
            a.nop();
            a.Mark("third"); a.@in(al, 0x61);
            a.Mark("next"); a.nop();
        });
    });

    var run = s.InjectAt(guest, "vtx", e => e.Events.Exits.OfCause("I/O instruction"), 3, Injection.Nmi);
    run.Bare.Ebx.Should().Be(1);
    run.Bare.Level(0).OfCause("#NMI").At("third").Should().HaveCount(1);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
});
