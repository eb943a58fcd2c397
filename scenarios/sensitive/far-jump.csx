#load "../prelude.csx"

Scenario("A far JMP to an outer level's selector is #GP in ring 0 only", covers: "B5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.GP, a => { a.inc(ebx); a.Done(); });
        k.Boot(a =>
        {
            a.xor(ebx, ebx);
            var next = a.CreateLabel();
            a.Mark("jmp"); a.JmpFar32(Selectors.Code0 | 1, next);  // RPL 1 is more than CPL 0
            a.Label(next);
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(1);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(0, at: "jmp").And.FirstDivergeFromBare(at: "jmp", value: "#GP", bare: 1, found: 0));
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "jmp"));
});
