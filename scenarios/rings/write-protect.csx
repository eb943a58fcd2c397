#load "../prelude.csx"

foreach (int wp in new[] { 0, 1 })
{
    Scenario($"Ring 0 writes to a read-only page with CR0.WP = {wp}", covers: "A5", new { wp }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.PF, a =>
            {
                a.pop(esi);
                a.mov(__[esp], ebx);
                a.iretd();
            });
            k.Boot(a =>
            {
                var next = a.CreateLabel();
                var tables = new PageTables(GuestPaging.Paging32, 0x30000);
                tables.Map(0, 0, 0x100000, PageRights.Write);
                tables.Map(0x9000, 0x9000, 0x1000, PageRights.None);
                a.mov(eax, tables.Directory);
                a.mov(cr3, eax);
                a.mov(eax, cr0);
                a.or(eax, wp == 1 ? Cr0.PG | Cr0.WP : Cr0.PG);
                a.mov(cr0, eax);
                a.mov(ebx, next);
                a.Mark("write"); a.mov(__dword_ptr[0x9800], 0x5A);
                a.Label(next);
                a.mov(edx, __dword_ptr[0x9800]);
                a.Done();
                tables.Emit(a);
            });
        });

        var run = s.Run(guest);
        run.Bare.Edx.Should().Be(wp == 0 ? 0x5Au : 0);
        run.Bare.Esi.Should().Be(wp == 0 ? 0 : ErrorCode.Present | ErrorCode.Write);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", wp == 0 ? "write-protect" : "reflected", at: "write"));
    });
}
