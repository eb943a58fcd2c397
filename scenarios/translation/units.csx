#load "../prelude.csx"

Scenario("Units of at most 12 instructions: most are copied, the others are told apart by cause, and code grows", covers: "C1", s =>
{
    const int Copied = 40;
    var guest = Guest.Protected32(a =>
    {
        var (function, skip) = (a.CreateLabel("function"), a.CreateLabel("skip"));
        for (int i = 0; i < Copied; i++)
        {
            a.add(eax, i);
        }

        a.call(function);                            // pushes the guest's address, not the cache's
        a.test(eax, eax); a.je(skip);                // a direct branch: another displacement
        a.mov(ebx, function); a.call(ebx);           // an indirect one: looked up
        a.Label(skip);
        a.cli(); a.pushfd(); a.popfd();              // sensitive, emulated in the cache
        a.str(cx);                                   // sensitive, left to the monitor
        a.Done();
        a.Label(function);
        a.inc(edx); a.ret();
    });

    var run = s.Run(guest);
    run.Each(Monitor.Translating, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Translating, e =>
    {
        long Of(string cause) => e.Events.Count(kind: EngineEventKind.Translation, cause: cause);
        string[] causes = ["unit", "ident", "branch", "call", "return", "indirect-call", "cli", "pushf", "popf", "sensitive", "bytes-in", "bytes-out"];
        s.Fact(e.Engine, causes.Select(cause => $"{cause,-14} {Of(cause),4}"));
        Of("unit").Should().Be(7);                   // 4 up to the first CALL, its target, up to the second CALL, and the rest
        Of("ident").Should().Be(Copied + 3);         // and TEST, MOV and INC
        (Of("branch"), Of("call"), Of("return"), Of("indirect-call"), Of("sensitive")).Should().Be((1, 1, 1, 1, 2));
        Of("bytes-out").Should().BeInRange(Of("bytes-in"), 6 * Of("bytes-in"));
    });
});
