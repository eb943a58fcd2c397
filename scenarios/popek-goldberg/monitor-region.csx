#load "../prelude.csx"

Scenario("A guest that touches what it does not own reaches neither the monitor nor memory beyond its own", covers: "A1", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.Mark("region"); a.mov(__dword_ptr[0xFFC01000], 0x5A5A5A5A);   // the top 4 MiB, where a deprivileging monitor lives
        a.Mark("region read"); a.mov(ebx, __dword_ptr[0xFFC01000]);
        a.Mark("beyond"); a.mov(__dword_ptr[0x08000000], 0x5A5A5A5A);   // no memory is there
        a.Mark("beyond read"); a.mov(ecx, __dword_ptr[0x08000000]);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(0xFFFFFFFF);
    run.Bare.Ecx.Should().Be(0xFFFFFFFF);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "compression", at: "region");
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "compression", at: "region read");
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", "mmio", at: "beyond");
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", "mmio", at: "beyond read");
    });
    foreach (var mark in guest.Marks)                               // all of the linear space is the guest's own
    {
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, at: mark.Name));
    }
});
