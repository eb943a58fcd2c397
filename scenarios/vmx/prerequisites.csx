#load "../prelude.csx"

// VMXON (SDM Vol. 3C, 31.3): what it needs, each missing once.
var rows = new (string Lacks, uint Cr0, uint Cr4, uint FeatureControl, string Fault)[]
{
    ("CR4.VMXE", Cr0.PG | Cr0.NE, 0, 5, "#UD"),
    ("CR0.NE", Cr0.PG, Cr4.VMXE, 5, "#GP"),
    ("CR0.PG", Cr0.NE, Cr4.VMXE, 5, "#GP"),
    ("lock", Cr0.PG | Cr0.NE, Cr4.VMXE, 4, "#GP"),
    ("enable", Cr0.PG | Cr0.NE, Cr4.VMXE, 1, "#GP"),
};

foreach (var row in rows)
{
    Scenario($"VMXON without {row.Lacks} is {row.Fault}", covers: "F1", parameters: new { lacks = row.Lacks }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.UD, a => a.Done());
            k.OnFault(Vector.GP, a => a.Done());
            k.Boot(a =>
            {
                var tables = new PageTables(GuestPaging.Paging32, 0x20000);
                tables.Map(0, 0, 0x100000, PageRights.Write);
                a.mov(ecx, 0x3A); a.mov(eax, row.FeatureControl); a.xor(edx, edx); a.wrmsr();
                a.mov(ecx, 0x480); a.rdmsr(); a.mov(__dword_ptr[0x30000], eax);
                a.mov(__dword_ptr[0x9000], 0x30000); a.mov(__dword_ptr[0x9004], 0);
                a.mov(eax, tables.Directory); a.mov(cr3, eax);
                a.mov(eax, row.Cr0 | Cr0.ET | Cr0.PE); a.mov(cr0, eax);
                a.mov(eax, row.Cr4); a.mov(cr4, eax);
                a.Mark("vmxon"); a.vmxon(__qword_ptr[0x9000]);
                a.Done();
                tables.Emit(a);
            });
        });

        var run = s.Run(guest, settings: new RunSettings { ExposeVirtualization = true });
        run.Bare.Level(0).At("vmxon").Single().Cause.Should().Be(row.Fault);
        run.Bare.Level(1).OfCause("VMXON").Should().BeEmpty();
        run.Each(Monitor.Any, e => e.Should().MatchBare());
    });
}
