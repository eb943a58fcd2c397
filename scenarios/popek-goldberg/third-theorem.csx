#load "../prelude.csx"

// Popek and Goldberg's theorem 3 (CACM 17(7), 1974): a hybrid monitor needs only what is sensitive in user mode to be privileged. The Pentium's POPF is sensitive in
// supervisor mode, and becomes right; its SIDT is sensitive in user mode too, and stays wrong.
foreach (bool user in new[] { false, true })
{
    string title = user ? "SIDT in user mode is beyond a hybrid monitor" : "POPF in supervisor mode is right under a hybrid monitor";
    Scenario(title, covers: "A3, B5", new { mode = user ? "user" : "supervisor" }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Boot(a =>
            {
                if (!user) { a.push(Flags.IF | Flags.Fixed); a.Mark("it"); a.popfd(); a.cli(); }
            });
            k.User(a =>
            {
                a.mov(ecx, 1000);
                var again = a.Here("again");
                a.loop(again);                           // what user mode is for: direct, and no trap
                if (user) { a.push(0); a.push(0); a.Mark("it"); a.sidt(__[esp]); }
            });
        });

        var run = s.Run(guest);
        run.Each(Monitor.Interpreter | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged | Monitor.Hybrid, e => e.Events.At("it").Traps.Should().BeEmpty());
        run.Each(Monitor.Deprivileged, e => e.Should().FirstDivergeFromBare(at: "it"));
        run.Each(Monitor.Hybrid, e =>
        {
            e.Retired.Direct.Should().BeGreaterThanOrEqualTo(1000);
            e.Should().ControlResources().And.BeEfficient();
            e.Events.Traps.AtCpl(0).Should().BeEmpty("supervisor mode is interpreted and traps nowhere");
            e.Equivalence.Holds.Should().Be(!user);
            if (user) { e.Should().FirstDivergeFromBare(at: "it"); }
        });
    });
}
