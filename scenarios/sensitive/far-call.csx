#load "../prelude.csx"

Scenario("A far CALL stores the ring that the kernel really runs in", covers: "B5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var routine = a.CreateLabel();
        a.push(eax); a.pop(eax);
        a.Mark("call"); a.CallFar32(Selectors.Code0, routine);
        a.Done();
        a.Label(routine);
        a.mov(eax, __dword_ptr[esp + 4]);
        a.Mark("return"); a.retf();
    });

    var run = s.Run(guest);
    run.Bare.Eax.Should().Be(Selectors.Code0);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(0, at: "call").And.HaveEvents(0, at: "return");
        e.Should().FirstDivergeFromBare(at: "call", value: "[00007FFC]", bare: Selectors.Code0);
    });
    run.On("trap013", e => e.Eax.Should().Be(Selectors.Code0 | 1));
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "call").And.HaveExits(0, at: "return"));
});
