#load "../prelude.csx"

Scenario("An NMI before any instruction of a loop is delivered once", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.NMI, a =>
        {
            a.inc(ebp);
            a.iretd();
        });
        k.Boot(a =>
        {
            var next = a.CreateLabel();
            a.xor(ebp, ebp);
            a.mov(ecx, 5);
            a.Label(next);
            a.push(ecx);
            a.pop(ecx);
            a.loop(next);
            a.mov(eax, ebp);
        });
    });

    s.Sweep(guest, from: 2, to: 16, tick => Injection.Nmi(tick), run =>
    {
        run.Bare.Ebp.Should().Be(1);
        run.Each(Monitor.Unmodified, e => e.Should().MatchBare());  // another kernel is elsewhere at that tick
    });
});
