#load "../prelude.csx"

Scenario("Efficiency is lost under every monitor where most instructions are device accesses", covers: "A1", s =>
{
    const int Accesses = 20;
    var guest = Guest.Protected32(a =>
    {
        using (a.Mark("accesses"))
        {
            for (int i = 0; i < Accesses; i++)
            {
                a.@out(0x80, al);
            }
        }

        a.Done();
    });

    var run = s.Run(guest);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Interpreter | Monitor.Deprivileged | Monitor.HardwareAssisted, e =>
    {
        e.Should().NotBeEfficient();
        e.Retired.Emulated.Should().Be(run.Bare.Retired.Direct, "even the instruction that ends the run is one");
    });
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(Accesses, EngineEventKind.Trap, "#GP", "io", "out", "accesses"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveEvents(Accesses, EngineEventKind.Exit, instruction: "out", at: "accesses"));
});
