#load "../prelude.csx"

Scenario("Only kernel code is translated; a user program runs as it is", covers: "C6", s =>
{
    const int rounds = 200;
    var guest = Guest.Kernel(k =>
    {
        k.SystemCall(1, a => { a.mov(eax, ebx); a.add(eax, ecx); });
        k.User(a =>
        {
            a.mov(esi, rounds);
            a.xor(edi, edi);
            using (a.Mark("loop"))
            {
                var again = a.Here("again");
                a.add(edi, esi); a.dec(esi); a.jnz(again);
            }

            a.mov(eax, 1); a.mov(ebx, 40); a.mov(ecx, 2);
            a.@int(GuestKernel.SystemCallVector);
            a.Done();
        });
    });

    var run = s.Run(guest, cpu: "yonah");
    run.Bare.Eax.Should().Be(42);
    run.Each(Monitor.Translating, e =>
    {
        e.Should().MatchBare();
        e.Events.At("loop").OfKind(EngineEventKind.Callout).Should().BeEmpty();
        e.Retired.Direct.Should().BeGreaterThan(3 * rounds - 1);
        e.Retired.Translated.Should().BePositive();
        e.Events.OfKind(EngineEventKind.Callout).AtCpl(3).Should().BeEmpty();
        e.Events.OfKind(EngineEventKind.Callout).AtCpl(0).Should().NotBeEmpty();
    });
});
