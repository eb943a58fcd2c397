#load "../prelude.csx"

// A machine with three times the shares of another gets three times the time while both can run; each has its own clock, and neither notices the other.
Scenario("Time is shared in proportion, and no machine notices", covers: "E6", s =>
{
    GuestImage Counter(int turns) => Guest.Kernel(k => k.User(a =>
    {
        a.mov(ecx, turns);
        var again = a.Here("again");
        a.dec(ecx); a.jne(again);
        a.Done();
    }));

    var host = s.Hosted(200, h =>
    {
        h.Machine("much", Counter(30_000), shares: 3_000);
        h.Machine("little", Counter(30_000), shares: 1_000);
    });

    host.Each(Monitor.Unmodified, h =>
    {
        var (much, little) = (h["much"], h["little"]);
        much.Run.Should().MatchBare();
        little.Run.Should().MatchBare();
        much.Run.Ticks.Should().Be(little.Run.Ticks);        // the guest clock counts what the guest does, not how long it waits
        much.Use.Slices.Should().Be(little.Use.Slices);
        h.WorldSwitches.Should().BeInRange(2 * 20, 2 * 22);  // three slices, then one, until the first has ended
        much.Run.Events.Count(kind: EngineEventKind.Switch, cause: "world").Should().Be(much.Use.WorldSwitches);
    });
    host.Each(Monitor.Paravirtual, h => throw new InvalidOperationException("direct paging cannot give frames back"));
});
