#load "../prelude.csx"

/// <summary>A hypervisor in guest code: the set-up sequence of SDM Vol. 3C, 31.5, up to a current VMCS whose guest shares the hypervisor's segments and pages.</summary>
static class Hypervisor
{
    public const uint VmxonRegion = 0x30000, Vmcs = 0x31000, Pointers = 0x33000;
    const uint NewCr0 = Cr0.PG | Cr0.NE | Cr0.ET | Cr0.PE, Directory = 0x20000, Unusable = 0x10000, Host = 0x6C00, Guest = 0x6800;

    /// <summary><paramref name="enter"/> comes last of the set-up and falls through to <paramref name="exit"/>, where HOST_RIP points.</summary>
    public static GuestImage Build(Action<GuestAssembler> enter, Action<GuestAssembler> exit, Action<GuestAssembler> guest) => Harness.Scenarios.Guest.Protected32(a =>
    {
        var (atExit, inGuest, table, next, locked) = (a.CreateLabel("exit"), a.CreateLabel("guest"), a.CreateLabel("fields"), a.CreateLabel(), a.CreateLabel());
        var tables = new PageTables(GuestPaging.Paging32, Directory);
        tables.Map(0, 0, 0x100000, PageRights.Write);
        List<(uint Field, uint Value)> fields = [(0x4000, 0x16), (0x4002, 0x0401E172), (0x400C, 0x36DFF), (0x4012, 0x11FF), (0x2800, ~0u), (0x2801, ~0u),
            (Host, NewCr0), (Host + 2, Directory), (Host + 4, Cr4.VMXE), (Host + 0xA, GuestLayout.Tss), (Host + 0xC, GuestLayout.Gdt), (Host + 0xE, GuestLayout.Idt),
            (Host + 0x14, GuestLayout.Stack), (Guest, NewCr0), (Guest + 2, Directory), (Guest + 4, Cr4.VMXE), (0x4820, Unusable), (0x480E, 0x88), (0x4822, 0x8B),
            (0x80E, Selectors.Tss), (0xC0C, Selectors.Tss), (Guest + 0x14, GuestLayout.Tss), (Guest + 0x16, GuestLayout.Gdt), (Guest + 0x18, GuestLayout.Idt),
            (0x4810, 0x4F), (0x4812, 0x7FF), (Guest + 0x1A, 0x400), (Guest + 0x1C, GuestLayout.Stack0), (Guest + 0x20, 2)];
        for (uint i = 0; i < 6; i++)  // ES, CS, SS, DS, FS, GS: selectors of guest and host, limits and access rights
        {
            var (selector, rights) = i == 1 ? (Selectors.Code0, 0xC09Bu) : (Selectors.Data0, 0xC093u);
            fields.AddRange([(0x800 + 2 * i, selector), (0xC00 + 2 * i, selector), (0x4800 + 2 * i, ~0u), (0x4814 + 2 * i, rights)]);
        }

        a.mov(eax, Directory); a.mov(cr3, eax);
        a.mov(eax, NewCr0); a.mov(cr0, eax);
        a.mov(eax, Cr4.VMXE); a.mov(cr4, eax);
        a.mov(ecx, 0x3A); a.rdmsr(); a.test(al, 1); a.jne(locked);
        a.mov(eax, 5); a.wrmsr();                                     // IA32_FEATURE_CONTROL: VMX outside SMX, locked
        a.Label(locked); a.mov(ecx, 0x480); a.rdmsr();                // IA32_VMX_BASIC: the revision identifier
        a.mov(__dword_ptr[VmxonRegion], eax); a.mov(__dword_ptr[Vmcs], eax);
        a.vmxon(__qword_ptr[Pointers]); a.vmclear(__qword_ptr[Pointers + 8]); a.vmptrld(__qword_ptr[Pointers + 8]);
        a.mov(esi, table); a.mov(ecx, (uint)fields.Count + 2);
        a.Label(next); a.mov(eax, __dword_ptr[esi]); a.vmwrite(eax, __dword_ptr[esi + 4]); a.add(esi, 8); a.loop(next);
        enter(a); a.Label(atExit); exit(a); a.Label(inGuest); guest(a);
        tables.Emit(a);
        a.Org(Pointers); a.Dq(VmxonRegion, Vmcs, Vmcs + 8, 0x34000);
        a.Label(table); a.Dd(Host + 0x16); a.Dd(atExit); a.Dd(Guest + 0x1E); a.Dd(inGuest);
        fields.ForEach(f => a.Dd(f.Field, f.Value));
    });
}
