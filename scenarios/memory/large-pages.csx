#load "../prelude.csx"

// A large page of the guest, shadowed by 4 KiB entries or by large ones: the hidden faults saved, and what becomes of it when a page in it is a page table.
const uint Large = 0x400000, Table = Large + 0x5000, Window = 0x10000000, One = 0xE000, Two = 0xF000, Open = 7;   // present, writable, user
foreach (var (paging, large) in new[] { (GuestPaging.Paging32, "off"), (GuestPaging.Paging32, "on"), (GuestPaging.Pae, "off"), (GuestPaging.Pae, "on") })
{
    Scenario($"4 MiB of large pages, {paging}, large shadow entries {large}", covers: "E1,E2", new { guest = $"{paging}", large }, s =>
    {
        var tables = new PageTables(paging, 0x30000);
        tables.Map(0, 0, 0x100000, PageRights.Write | PageRights.User);
        tables.MapLarge(Large, Large, 0x400000, PageRights.Write | PageRights.User);
        var guest = Guest.Kernel(new GuestOptions { MemoryBytes = 8 << 20 }, k =>
        {
            k.SystemCall(1, a => { a.mov(eax, cr3); a.mov(cr3, eax); });
            k.Boot(a =>
            {
                a.mov(eax, paging == GuestPaging.Pae ? Cr4.PAE : Cr4.PSE); a.mov(cr4, eax);
                a.mov(eax, tables.Directory); a.mov(cr3, eax);
                a.mov(eax, cr0); a.or(eax, unchecked((int)Cr0.PG)); a.mov(cr0, eax);
            });
            k.User(a =>
            {
                a.mov(esi, Large); a.mov(ecx, 1024); var next = a.Here("next");
                a.Mark("each page"); a.inc(__dword_ptr[esi]); a.add(esi, 0x1000); a.loop(next);
                a.mov(__dword_ptr[One], 1); a.mov(__dword_ptr[Two], 2); a.mov(__dword_ptr[Table], One | Open);
                a.mov(__dword_ptr[tables.DirectoryEntryAddress(Window)], Table | Open); a.mov(ebx, __dword_ptr[Window]);
                a.Mark("changed"); a.mov(__dword_ptr[Table], Two | Open);                // through the large page
                a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); a.mov(edi, __dword_ptr[Window]);
                a.Mark("beside"); a.inc(__dword_ptr[Table + 0x1000]);
                a.Done(); tables.Emit(a);
            });
        });
        var options = new Dictionary<string, string> { ["paging"] = "cached", ["largePages"] = large };
        var run = s.Run(guest, settings: new RunSettings { EngineOptions = options, Monitors = Monitor.Unmodified });
        (run.Bare.Ebx, run.Bare.Edi).Should().Be((1, 2));
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.Hybrid | Monitor.HardwareAssisted, e =>
            (e.Events.At("each page").Count(EngineEventKind.HiddenFault), e.Events.At("changed").OfReason("trace").Count(), e.Events.At("beside").Count())
                .Should().Be((large == "on" ? 2 : 1024, 1, 0), "two entries of 2 MiB; split, each page but the table still has one"));
    });
}
