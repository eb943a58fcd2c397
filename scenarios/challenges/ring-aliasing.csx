#load "../prelude.csx"

// Uhlig et al., "Intel Virtualization Technology", Computer 38(5), 2005, lists these challenges and how VT-x meets each.
Scenario("Ring aliasing: the kernel reads in CS that it does not run in ring 0", covers: "B6", s =>
{
    var guest = Guest.Kernel(k => k.Boot(a =>
    {
        var outer = a.CreateLabel();
        a.push(-1); a.pop(eax);
        a.Mark("push"); a.push(cs);
        a.pop(ebx);
        a.and(ebx, 3);                           // the ring, as a kernel asks for it
        a.jne(outer);
        k.Print(a, "ring 0\n");
        a.Done();
        a.Label(outer);
        k.Print(a, "not ring 0\n");
    }));

    var run = s.Run(guest);
    run.Bare.Console.Should().Be("ring 0\n");
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(0, at: "push").And.FirstDivergeFromBare(at: "push", value: "[00007FFC]", bare: Selectors.Code0);
        e.Console.Should().Be("not ring 0\n");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "push"));
});
