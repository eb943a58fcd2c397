#load "../prelude.csx"

Scenario("Four characters by REP MOVSB to memory-mapped video", covers: "B3", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var text = a.CreateLabel();
        a.cld();
        a.mov(esi, text);
        a.mov(edi, 0xB8000);
        a.mov(ecx, 8);
        a.Mark("copy"); a.rep.movsb();
        a.Done();
        a.Label(text);
        a.Db(0x56, 7, 0x4D, 7, 0x4D, 7, 0x21, 7);
    });

    var run = s.Run(guest);
    run.Bare.Screen.Should().StartWith("VMM!");
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(8, EngineEventKind.Trap, "#PF", "mmio", at: "copy"));
});
