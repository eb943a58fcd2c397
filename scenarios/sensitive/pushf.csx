#load "../prelude.csx"

Scenario("PUSHF shows the host's IF, which is always 1", covers: "B5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.push(-1); a.pop(eax);                  // no byte of the stack is 0 by chance
        a.Mark("pushf"); a.pushfd();             // the guest has IF = 0
        a.pop(ebx);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().NotHaveFlag(Flags.IF);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(0, at: "pushf").And.FirstDivergeFromBare(at: "pushf", value: "[00007FFD]", bare: 0, found: (long)Flags.IF >> 8);
        e.Ebx.Should().HaveFlag(Flags.IF);
        e.Flags.Should().NotHaveFlag(Flags.IF, "the virtual flag is 0 all the time");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "pushf"));
});
