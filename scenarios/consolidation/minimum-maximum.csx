#load "../prelude.csx"

// Shares say what a machine gets of the time when all want it; a minimum and a maximum in percent stand above them. Where the others have ended, a maximum keeps
// nobody from the time that is left over.
GuestImage Counter(int turns) => Guest.Kernel(k => k.User(a =>
{
    a.mov(ecx, turns);
    var again = a.Here("again");
    a.dec(ecx); a.jne(again);
    a.Done();
}));

Scenario("A minimum and a maximum of the processor's time", covers: "E6", s =>
{
    HostRunSet Run(int minimum, int maximum) => s.Hosted(300, h =>
    {
        h.Machine("rich", Counter(100_000), shares: 8_000, maximumPercent: maximum);
        h.Machine("plain", Counter(100_000), shares: 1_000);
        h.Machine("poor", Counter(25_000), shares: 1_000, minimumPercent: minimum);
    },
    settings: new HostSettings { Runs = new RunSettings { JudgeProperties = true, Monitors = Monitor.Interpreter | Monitor.HardwareAssisted } });

    var (plain, limited) = (Run(0, 100), Run(25, 50));
    plain.Each(Monitor.Interpreter | Monitor.HardwareAssisted, h => Ended(h).Should().Equal("rich", "poor", "plain"));
    limited.Each(Monitor.Interpreter | Monitor.HardwareAssisted, h =>
    {
        Ended(h).Should().Equal("poor", "rich", "plain");
        foreach (var m in h.Machines) { m.Run.Should().MatchBare(); }
    });

    // By the host's time at which each had come to its end.
    string[] Ended(HostedRuns h) => [.. h.Machines.OrderBy(m => m.Use.EndTime).Select(m => m.Name)];
});
