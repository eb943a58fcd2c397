#load "../prelude.csx"

Scenario("String I/O sends and receives through the serial port", covers: "B3", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var text = a.CreateLabel();
        a.cld();
        a.mov(dx, 0x3F8);
        a.mov(esi, text);
        a.mov(ecx, 4);
        a.Mark("outs"); a.rep.outsb();
        a.mov(edx, 0x3FF);                               // the scratch register
        a.mov(al, 0x5A);
        a.@out(dx, al);
        a.mov(edi, 0x9800);
        a.mov(ecx, 4);
        a.Mark("ins"); a.rep.insb();
        a.Done();
        a.Label(text);
        a.Ascii("VMM!");
    });

    var run = s.Run(guest);
    run.Bare.Console.Should().Be("VMM!");
    run.Bare.Memory(0x9800).Should().Be(0x5A5A5A5A);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
        e.Should().HaveEvents(4, EngineEventKind.Trap, "#GP", "io", at: "outs").And.HaveEvents(4, EngineEventKind.Trap, "#GP", "io", at: "ins"));
});
