#load "../prelude.csx"

Scenario("Polling the keyboard costs a trap for every look at its status", covers: "B3", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var poll = a.CreateLabel();
        a.Label(poll);
        a.inc(ecx);
        a.Mark("status"); a.@in(al, 0x64);
        a.test(al, 1);
        a.je(poll);
        a.Mark("data"); a.@in(al, 0x60);
        a.Done();
    });

    var keyboard = new GuestDevices { KeyboardInput = [new TimedInput(400, new byte[] { 0x1C })] };
    var run = s.Run(guest, settings: new RunSettings { Devices = keyboard });
    (run.Bare.Eax & 0xFF).Should().Be(0x1E);
    run.Bare.Ecx.Should().BeGreaterThan(90, "each turn takes four ticks until the key is there");
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
        e.Should().HaveEvents(e.Ecx, EngineEventKind.Trap, "#GP", "io", at: "status").And.HaveEvents(1, EngineEventKind.Trap, "#GP", "io", at: "data"));
    run.Each(Monitor.HardwareAssisted, e =>
        e.Should().HaveEvents(e.Ecx, EngineEventKind.Exit, instruction: "in", at: "status").And.HaveEvents(1, EngineEventKind.Exit, instruction: "in", at: "data"));
});
