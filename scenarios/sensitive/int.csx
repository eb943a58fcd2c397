#load "../prelude.csx"

Scenario("INT n traps, because no gate of the monitor may be used", covers: "B5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt(0x40, a =>
        {
            a.mov(eax, __dword_ptr[esp + 4]);    // the CS that the processor saved
            a.iretd();
        });
        k.Boot(a =>
        {
            a.Mark("int"); a.@int(0x40);
            a.mov(ebx, eax);
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(Selectors.Code0);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "software-interrupt", "int", "int");
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "segment", "iretd");
        e.Events.Injections.OfReason("software-interrupt").Should().HaveCount(1);
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "int").And.HaveEvents(0, EngineEventKind.Injection));
});
