#load "../prelude.csx"

// SDM Vol. 3A, 4.6 and 4.7: with EFER.NXE a page whose entry has bit 63 set may be read and written, and a fetch from it is a #PF whose error code says so.
foreach (int ring in new[] { 0, 3 })
{
    Scenario($"Ring {ring} jumps into a no-execute page", covers: "A5", new { ring }, s =>
    {
        const uint Page = 0x9000, Tables = 0x30000, ExecuteDisable = 0x80000000;
        const uint Entry = Tables + 0x2000 + Page / 0x1000 * 8;                      // the third table is the one of the first 2 MiB
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.PF, a =>
            {
                a.pop(esi); a.mov(edi, cr2);                                         // the error code, and where
                a.and(__dword_ptr[Entry + 4], ~ExecuteDisable); a.invlpg(__[Page]); a.inc(ebp); a.iretd();
            });
            k.Boot(a =>
            {
                var tables = new PageTables(GuestPaging.Pae, Tables);
                tables.Map(0, 0, 0x100000, PageRights.Write | PageRights.User);
                a.mov(ecx, 0xC0000080); a.rdmsr(); a.or(eax, (int)Efer.NXE); a.wrmsr(); a.or(__dword_ptr[Entry + 4], ExecuteDisable);
                a.mov(eax, cr4); a.or(eax, Cr4.PAE); a.mov(cr4, eax);
                a.mov(eax, tables.Directory); a.mov(cr3, eax);
                a.mov(eax, cr0); a.or(eax, Cr0.PG); a.mov(cr0, eax); a.xor(ebp, ebp);
                var body = a.CreateLabel(); a.mov(__byte_ptr[Page], 0xC3);           // written, then fetched
                if (ring == 3)
                {
                    a.mov(eax, Selectors.Data3); a.mov(ds, eax);                     // a segment of the kernel would not outlive IRET
                    a.push(Selectors.Data3); a.push(GuestLayout.UserStack); a.push((int)(Flags.Fixed | Flags.IOPL3)); a.push(Selectors.Code3); a.push(body); a.iretd();
                }

                a.Label(body); a.mov(ebx, Page);
                a.Mark("call"); a.call(ebx);
                a.call(ebx); a.Done(); tables.Emit(a);
            });
        });

        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(ErrorCode.Present | ErrorCode.InstructionFetch | (ring == 3 ? ErrorCode.User : 0));
        (run.Bare.Edi, run.Bare.Ebp).Should().Be((Page, 1u));
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    });
}
