#load "../prelude.csx"

Scenario("Address-space compression: each touch of the monitor's part of linear space traps", covers: "B6", s =>
{
    const int Touches = 50;
    var guest = Guest.Kernel(k =>
    {
        k.Boot(a =>
        {
            var tables = new PageTables(GuestPaging.Paging32, 0x20000);
            tables.Map(0, 0, 0x100000, PageRights.Write);
            tables.Map(GuestLayout.End, 0x80000, 0x1000, PageRights.Write);  // the guest uses the top 4 MiB as any other
            a.mov(eax, tables.Directory); a.mov(cr3, eax);
            a.mov(eax, cr0); a.or(eax, unchecked((int)Cr0.PG)); a.mov(cr0, eax);
            a.mov(__dword_ptr[GuestLayout.End], 0);
            a.mov(ecx, Touches);
            var next = a.Here("next");
            a.Mark("touch"); a.add(__dword_ptr[GuestLayout.End], ecx);
            a.loop(next);
            a.Done();
            tables.Emit(a);
        });
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x80000).Should().Be(Touches * (Touches + 1) / 2);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(Touches, EngineEventKind.Trap, "#GP", "compression", "add", "touch");
        e.Should().HaveEvents(Touches + 1, reason: "compression");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "touch").And.HaveEvents(0, reason: "compression"));
});
