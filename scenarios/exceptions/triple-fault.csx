#load "../prelude.csx"

Scenario("Without a usable interrupt table the first fault ends in shutdown, of the guest and not of the monitor", covers: "B2", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var empty = a.CreateLabel();
        a.lidt(__[empty]);
        a.mov(ebx, 0x600D);
        a.Mark("fault"); a.ud2();
        a.mov(ebx, 0xBAD);
        a.Done();
        a.Label(empty);
        a.Dw(0); a.Dd(0);
    });

    var run = s.Run(guest, ends: GuestEnd.Shutdown);
    run.Bare.Ebx.Should().Be(0x600D);
    run.Bare.Level(0).Select(e => e.Cause).Should().Equal("#UD", "#GP", "#DF");   // each was tried, none could be delivered
    run.Each(Monitor.Any, e => e.Should().EndBy(GuestEnd.Shutdown).And.MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#UD", at: "fault"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, because: "the shutdown is the monitor's to see"));
});
