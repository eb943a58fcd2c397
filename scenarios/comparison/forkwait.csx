#load "../prelude.csx"

// Adams and Agesen, ASPLOS 2006, section 6.3: 40,000 rounds of fork and wait take 6.0 s on the machine itself, 36.9 s under the software and 106.4 s under the
// hardware monitor: 6.15 and 17.7 times as long. They do not say how much memory their process had. Here it has 64 pages; parent and child both write to 24 of them.
Scenario("forkwait: the machine itself, then the software monitor, then the one in hardware", covers: "H3", s =>
{
    const int Few = 40, Rounds = 80;
    RunSet Run(int rounds, bool judged) => s.Run(Forkwait(rounds), settings: new RunSettings
    {
        Monitors = Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted,
        JudgeProperties = judged,
    });

    Run(2, judged: true).Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    var (few, many) = (Run(Few, judged: false), Run(Few + Rounds, judged: false));
    many.Bare.Memory(Ended).Should().Be(Few + Rounds, "so many children were waited for");
    double Cycles(string engine) => (many[engine].Cycles - few[engine].Cycles) / (double)Rounds;
    double Ratio(string engine) => Cycles(engine) / Cycles("bare");
    foreach (var kind in Enum.GetValues<EngineEventKind>())
    {
        many.Each(Monitor.Deprivileged | Monitor.HardwareAssisted, e => (e.Events.Count(kind) - few[e.Engine].Events.Count(kind)).Should().Match(n => n % Rounds == 0, "every round is like the others"));
    }

    many.Each(Monitor.Any, e => s.Fact(e.Engine, [$"{Cycles(e.Engine),9:F0} cycles a round, {Ratio(e.Engine),5:F2} times the machine's"]));
    Ratio("vtx").Should().BeInRange(14, 21, "17.7 in the paper");
    Ratio("translate").Should().BeGreaterThan(3, "6.15 in the paper").And.BeLessThan(Ratio("vtx"));
});

const uint Ended = 0x9800;

GuestImage Forkwait(int rounds) => Guest.Kernel(new GuestOptions { MemoryBytes = 2 << 20 }, k =>
{
    k.Paging = GuestPaging.Paging32;
    k.DemandPages = 48;
    k.SystemCall(1, a => a.inc(__dword_ptr[Ended]));
    k.User(a =>
    {
        var (again, child) = (a.CreateLabel(), a.CreateLabel());
        void Write(int pages) { for (int i = 0; i < pages; i++) { a.inc(__dword_ptr[GuestLayout.ProcessBase + GuestLayout.ProcessBytes + (uint)i * 0x1000]); } }
        Write(k.DemandPages);
        a.mov(esi, rounds);
        a.Label(again);
        k.Fork(a);
        a.test(eax, eax); a.je(child);
        k.Wait(a);
        Write(24);
        a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector);
        a.dec(esi); a.jne(again);
        a.Done();
        a.Label(child);
        Write(24);
    });
});
