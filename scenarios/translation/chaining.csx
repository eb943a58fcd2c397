#load "../prelude.csx"

Scenario("As the cache warms, jumps are linked and targets are found: no callout is left in the loop", covers: "C2", s =>
{
    RunSet Run(int rounds) => s.Run(Guest.Protected32(a =>
    {
        var (one, two, table) = (a.CreateLabel("one"), a.CreateLabel("two"), a.CreateLabel("table"));
        a.mov(ecx, rounds);
        a.mov(ebp, table);
        var again = a.Here("again");
        a.call(one);                                 // RET finds either place that it was called from
        a.call(one);
        a.mov(eax, ecx); a.and(eax, 1);
        a.call(__dword_ptr[ebp + eax * 4]);          // one target in even rounds, another in odd ones
        a.dec(ecx); a.jnz(again);
        a.Done();
        a.Label(one); a.inc(ebx); a.ret();
        a.Label(two); a.add(edx, ebx); a.ret();
        a.Align(4);
        a.Label(table); a.Dd(one); a.Dd(two);
    }));

    var (few, many) = (Run(4), Run(404));
    many.Bare.Ebx.Should().Be(2 * 404 + 202);
    many.Each(Monitor.Any, e => e.Should().MatchBare());
    many.Each(Monitor.Translating, e =>
    {
        long More(EngineEventKind kind, string cause = null) => e.Events.Count(kind: kind, cause: cause) - few[e.Engine].Events.Count(kind: kind, cause: cause);
        (long hits, long misses) = (e.Events.OfKind(EngineEventKind.InCache).Count(), e.Events.Callouts.OfCause("indirect").Count());
        s.Fact(e.Engine, [$"{hits} hits, {misses} misses; {e.Events.Callouts.OfCause("chain").Count()} chain callouts for {e.Events.Count(cause: "link")} links"]);
        (More(EngineEventKind.Callout), More(EngineEventKind.Translation)).Should().Be((0, 0));
        (More(EngineEventKind.InCache, "return"), More(EngineEventKind.InCache, "indirect-call")).Should().Be((3 * 400, 400));
        hits.Should().BeGreaterThan(99 * misses);
    });
});
