#load "../prelude.csx"

Scenario("Efficiency is lost where most instructions trap: CLI and STI in a row", covers: "A1", s =>
{
    var guest = Guest.Protected32(a =>
    {
        using (a.Mark("pairs"))
        {
            for (int i = 0; i < 8; i++)
            {
                a.cli();
                a.sti();
            }
        }

        a.cli();
        a.Done();
    });

    var run = s.Run(guest);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Interpreter, e => e.Should().NotBeEfficient());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().NotBeEfficient("every CLI and STI is emulated");
        // Behind STI the monitor emulates the next instruction too, for the shadow: the other CLIs need no trap of their own.
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "privileged", "cli", "pairs");
        e.Should().HaveEvents(8, EngineEventKind.Trap, "#GP", "privileged", "sti", "pairs");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().BeEfficient("the interrupt flag is the guest's own").And.HaveExits(0, at: "pairs"));
});
