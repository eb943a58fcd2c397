#load "../prelude.csx"

Scenario("A far RET to a selector that the kernel wrote itself traps and is right", covers: "B5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var target = a.CreateLabel();
        a.push(Selectors.Code0);                 // RPL 0: from an outer ring a return to an inner one
        a.push(target);
        a.Mark("return"); a.retf();
        a.Label(target);
        a.mov(eax, 42);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Eax.Should().Be(42);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "segment", "retf", "return"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "return"));
});
