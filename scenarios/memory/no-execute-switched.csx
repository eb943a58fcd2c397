#load "../prelude.csx"

foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    Scenario($"Without EFER.NXE a page that was not executable has a reserved bit: {paging}", covers: "E1,E2", parameters: new { paging }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Pae;
            k.OnFault(Vector.PF, a => { a.pop(esi); a.mov(edi, cr2); a.Done(); });
            k.Boot(a =>
            {
                a.mov(ecx, Msr.IA32_EFER); a.rdmsr(); a.or(eax, (int)Efer.NXE); a.wrmsr();
                a.mov(ebx, cr3); a.mov(ebx, __dword_ptr[ebx]); a.and(ebx, -4096);                          // the directory
                a.mov(ebx, __dword_ptr[ebx]); a.and(ebx, -4096);                                           // the table
                a.or(__dword_ptr[ebx + 9 * 8 + 4], int.MinValue);                                          // XD of 9000h
                a.mov(ebx, cr3); a.mov(cr3, ebx);
                a.mov(ebx, __dword_ptr[0x9800]);
                a.rdmsr(); a.and(eax, ~(int)Efer.NXE); a.wrmsr();
                a.mov(ebx, cr3); a.mov(cr3, ebx);
                a.Mark("read"); a.mov(ebx, __dword_ptr[0x9800]);
            });
            k.User(a => a.Done());
        });

        var run = s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["paging"] = paging } });
        (run.Bare.Esi, run.Bare.Edi).Should().Be((9u, 0x9800u), "present, reserved bit");
        run.Each(Monitor.Any, e => e.Should().MatchBare());
    });
}
