#load "../prelude.csx"

Scenario("POPF loses IF outside ring 0 without a trap", covers: "B5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.push(Flags.IF | Flags.Fixed);          // asks for IF
        a.Mark("popf"); a.popfd();               // ring 0 sets it; a deprivileged ring loses it silently
        a.pushfd(); a.pop(eax);
        a.Done();
    });

    var run = s.Run(guest, cpu: "yonah");        // under every engine that applies, bare first
    run.Bare.Eax.Should().HaveFlag(Flags.IF);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Events.At("popf").Should().BeEmpty();
        e.Should().FirstDivergeFromBare(at: "popf", value: "eflags.IF", bare: 1, found: 0);
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "popf"));
});
