using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>What a kernel against hypercalls does otherwise than by its instructions: it registers its tables, and neither writes a TSS nor its page tables.</summary>
public sealed partial class GuestKernel
{
    private const uint PageBytes = 0x1000;
    private const uint MemoryHole = 0xA0000;
    private const uint MemoryHoleEnd = 0x100000;

    /// <summary>
    /// Where the kernel is built against hypercalls: programs enter it by INT 80h without the monitor. Interrupts are then masked by the handler's first
    /// instruction, not by its entry.
    /// </summary>
    public bool DirectSystemCalls { get; set; }

    /// <summary>
    /// The kernel, or a disturbance that the guest is meant for, relies on what no hypercall stands for and no instruction shows, such as its IDT in memory:
    /// there is no image against hypercalls.
    /// </summary>
    /// <param name="reason">Why, for the user.</param>
    public void NotParavirtual(string reason)
    {
        Given.NotNull(reason, "the reason in words");
        if (_usesHypercalls)
        {
            throw new SensitiveInstructionException(reason);
        }
    }

    private int TableCount => Paging == GuestPaging.None ? 0 : Math.Max(ProcessCount, 1);

    /// <summary>One batch: the pages of tables become read-only, then they become tables. What follows needs the stack and the shared page.</summary>
    private void EmitRegistration(GuestAssembler a)
    {
        if (Paging == GuestPaging.Pae)
        {
            throw new SensitiveInstructionException("the kernel uses PAE paging, for which there are no hypercalls");
        }

        if (_programs.Exists(p => p.Ring != 3))
        {
            throw new SensitiveInstructionException("the kernel has programs in rings 1 or 2, of which its own needs one");
        }

        List<(Hypercall Call, uint Ebx, uint Ecx)> calls = [(Hypercall.UpdateMapping, GuestLayout.Gdt, GuestLayout.Gdt | PageEntry.P)];
        foreach (uint page in TablePages())
        {
            calls.Add((Hypercall.UpdateMapping, page, page | PageEntry.P));
        }

        calls.Add((Hypercall.SetGdt, GuestLayout.Gdt, SystemTables.GdtLimit));
        calls.Add((Hypercall.SetShared, GuestLayout.Shared, 0));
        calls.Add((Hypercall.SetTraps, GuestLayout.Traps, SystemTables.VectorCount));
        calls.Add((Hypercall.SetPortMap, GuestLayout.PortMap, SystemTables.PortMapBytes));
        calls.Add((Hypercall.SwitchStack, Selectors.Data0, GuestLayout.Stack0));
        for (int i = 0; i < TableCount; i++)
        {
            calls.Add((Hypercall.Pin, DirectoryOf(i), 0));
        }

        if (TableCount != 0)
        {
            calls.Add((Hypercall.LoadDirectory, DirectoryOf(0), 0));
        }

        GuestLabel start = a.CreateLabel("registered");
        GuestLabel batch = a.CreateLabel("registration");
        a.mov(ebx, batch);
        a.mov(ecx, calls.Count);
        HypercallCode.Call(a, Hypercall.Multicall);
        a.mov(eax, Selectors.Data0);
        a.mov(ds, eax);
        a.mov(es, eax);
        a.mov(fs, eax);
        a.mov(gs, eax);

        // Where the ring is known to be 1, these do what they do in ring 0.
        a.Take();
        a.UsesHypercalls = false;
        a.mov(eax, Selectors.Data0 | ParavirtInterface.KernelRing);
        a.mov(ss, eax);
        a.JmpFar32(Selectors.Code0 | ParavirtInterface.KernelRing, start);
        a.UsesHypercalls = true;
        a.Align(4);
        a.Label(batch);
        foreach (var (call, first, second) in calls)
        {
            a.Dd((uint)call, first, second, 0);
        }

        a.Label(start);

        if ((_options.Flags & Flags.IF) != 0)
        {
            a.mov(__byte_ptr[GuestLayout.Shared + ParavirtInterface.Masked], 0);
        }

        // As the other build leaves them.
        a.mov(eax, Paging == GuestPaging.None ? 0 : PagingBits | Cr0.PE | Cr0.ET | _options.Cr0);
        a.mov(ebx, 0);
        a.mov(ecx, 0);
    }

    /// <summary>
    /// In ring-0 code, with 32-bit paging: makes ECX the page-table entry of the linear address in EBX, in the tables in use, and invalidates the page. There has to
    /// be a page table. Changes EAX and flags.
    /// </summary>
    public void Remap(GuestAssembler a)
    {
        if (_usesHypercalls)
        {
            HypercallCode.Call(a, Hypercall.UpdateMapping);
            return;
        }

        a.push(esi);
        a.mov(esi, cr3);
        a.mov(eax, ebx);
        a.shr(eax, (byte)22);
        a.mov(esi, __dword_ptr[esi + eax * 4]);
        a.and(esi, ~(PageBytes - 1));
        a.mov(eax, ebx);
        a.shr(eax, (byte)12);
        a.and(eax, 0x3FF);
        a.mov(__dword_ptr[esi + eax * 4], ecx);
        a.invlpg(__[ebx]);
        a.pop(esi);
    }

    /// <summary>EAX: top of the stack for entries from ring 3. Changes EAX and ECX.</summary>
    private void EmitStackSwitch(GuestAssembler a)
    {
        if (!_usesHypercalls)
        {
            a.mov(__dword_ptr[GuestLayout.Tss + 4], eax);
            return;
        }

        a.push(ebx);
        a.mov(ecx, eax);
        a.mov(ebx, Selectors.Data0);
        HypercallCode.Call(a, Hypercall.SwitchStack);
        a.pop(ebx);
    }

    /// <summary>All memory there is, tables read-only.</summary>
    private void MapParavirtual(PageTables tables)
    {
        uint bytes = (uint)_options.MemoryBytes;
        tables.Map(0, 0, Math.Min(bytes, MemoryHole), PageRights.Write);
        if (bytes > MemoryHoleEnd)
        {
            tables.Map(MemoryHoleEnd, MemoryHoleEnd, bytes - MemoryHoleEnd, PageRights.Write);
        }

        tables.Map(GuestLayout.Gdt, GuestLayout.Gdt, PageBytes, PageRights.None);
        foreach (uint page in TablePages())
        {
            tables.Map(page, page, PageBytes, PageRights.None);
        }
    }

    /// <summary>Of every process: the directory and two page tables.</summary>
    private IEnumerable<uint> TablePages()
    {
        for (int i = 0; i < TableCount; i++)
        {
            for (uint page = 0; page < 3; page++)
            {
                yield return DirectoryOf(i) + page * PageBytes;
            }
        }
    }
}
