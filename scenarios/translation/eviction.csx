#load "../prelude.csx"

Scenario("A cache too small for its kernel is emptied and filled again; a write drops only what was made of its bytes", covers: "C1,C5", s =>
{
    const int Functions = 60;
    var guest = Guest.Protected32(a =>
    {
        var written = a.CreateLabel("written");
        var functions = Enumerable.Range(0, Functions).Select(i => a.CreateLabel($"f{i}")).ToArray();
        a.mov(ebp, written);
        a.mov(ecx, 3);
        var again = a.Here("again");
        foreach (var function in functions)
        {
            a.mov(edx, function); a.call(edx);
        }

        a.Mark("write"); a.inc(__byte_ptr[ebp + 2]);
        a.MarkEnd("write");
        a.dec(ecx); a.jnz(again);
        a.Done();
        a.Align(16);
        a.Label(written);
        a.Label(functions[0]); a.add(ebx, 1); a.ret();
        for (int i = 1; i < Functions; i++)
        {
            a.Align(16);
            a.Label(functions[i]); a.add(ebx, i); a.pushfd(); a.popfd(); a.ret();
        }
    });

    RunSet Run(string kiB) => s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["cacheKiB"] = kiB } });
    var (small, large) = (Run("16"), Run("256"));
    small.Bare.Ebx.Should().Be(1 + 2 + 3 + 3 * (Functions * (Functions - 1) / 2));
    small.Each(Monitor.Translating, e =>
    {
        long Of(RunSet run, string cause) => run[e.Engine].Events.Count(kind: EngineEventKind.Translation, cause: cause);
        e.Should().MatchBare().And.ControlResources();
        large[e.Engine].Should().MatchBare();
        (Of(small, "eviction") > 3, Of(large, "eviction")).Should().Be((true, 0));
        (Of(large, "invalidation"), Of(large, "unit") < Of(small, "unit")).Should().Be((3, true));
    });
});
