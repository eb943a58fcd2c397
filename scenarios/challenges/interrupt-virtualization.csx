#load "../prelude.csx"

Scenario("Interrupt virtualization: each CLI and each STI traps, though no interrupt comes", covers: "B4,B6", s =>
{
    const int Sections = 100;
    var guest = Guest.Protected32(a =>
    {
        a.mov(ecx, Sections);
        var next = a.Here("next");
        a.Mark("cli"); a.cli();
        a.inc(__dword_ptr[0x9800]);
        a.Mark("sti"); a.sti();
        a.loop(next);
        a.cli();
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x9800).Should().Be(Sections);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(Sections, EngineEventKind.Trap, "#GP", "privileged", "cli", "cli");
        e.Should().HaveEvents(Sections, EngineEventKind.Trap, "#GP", "privileged", "sti", "sti");
        e.Events.OfReason("privileged").Cycles().Should().BeGreaterThan(2 * Sections * 1000, "a trap costs thousands of cycles and a native CLI tens");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "cli").And.HaveExits(0, at: "sti"));
});
