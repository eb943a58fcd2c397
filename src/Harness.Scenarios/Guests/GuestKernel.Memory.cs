using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>
/// Memory of processes: pages that are copied when one of those who share them writes, and pages that come when they are touched. What a process has is in its
/// map, an entry for each page, from which its page table is written; so no entry of a page table is ever read, which a kernel against hypercalls could not use.
/// </summary>
public sealed partial class GuestKernel
{
    private const int ImagePages = (int)(GuestLayout.ProcessBytes / PageBytes);
    private const int MaximumDemandPages = 496;
    private const uint Present = PageEntry.P | PageEntry.US;
    private const uint FirstFrame = GuestLayout.Processes / PageBytes;
    private const byte KernelsFrame = 0xFF;

    // On the stack of the page-fault handler, behind PUSHAD's registers.
    private const int FaultErrorCode = 8 * 4;
    private readonly GuestLabel _maps;
    private readonly GuestLabel _frames;
    private readonly GuestLabel _updates;
    private readonly GuestLabel _pageFault;
    private readonly GuestLabel _allocate;
    private int _demandPages;

    /// <summary>
    /// Pages behind each program's own 64 KiB, 0 to 496, that are not there before they are touched; then they are full of zeros. Without a free frame the run ends as
    /// by an unhandled page fault.
    /// </summary>
    public int DemandPages
    {
        get => _demandPages;
        set => _demandPages = value is >= 0 and <= MaximumDemandPages
            ? value
            : throw new GuestBuildException($"DemandPages expects 0 to {MaximumDemandPages} pages; found {value}.");
    }

    private bool ManagesMemory => Paging != GuestPaging.None && (DemandPages != 0 || _services.Contains(Service.Fork) || _services.Contains(Service.Exec));

    /// <summary>Of CR0. The kernel too has to fault where it writes to a shared page; the 80386 has no such bit.</summary>
    private uint PagingBits => Cr0.PG | (ManagesMemory ? Cr0.WP : 0);

    private int MemoryPages => ImagePages + DemandPages;

    private int EntryBytes => Paging == GuestPaging.Pae ? 8 : 4;

    private int FrameCount => (int)(_options.MemoryBytes / PageBytes);

    /// <summary>The copy shares all pages, read-only, until one of both writes. EBP: control block of the copy, whose place is found.</summary>
    private void EmitShareMemory(GuestAssembler a)
    {
        GuestLabel next = a.CreateLabel("share.next");
        GuestLabel shared = a.CreateLabel("share.shared");
        a.mov(esi, __dword_ptr[_current]);
        a.mov(ebx, MemoryPages);
        GuestLabel page = a.Here("share.page");
        a.dec(ebx);
        a.mov(edx, __dword_ptr[esi + Map]);
        a.mov(eax, __dword_ptr[edx + ebx * 4]);
        a.test(eax, eax);
        a.je(next);
        EmitCountFrame(a, frame => a.inc(frame));
        a.test(eax, PageEntry.RW);
        a.je(shared);
        a.and(eax, unchecked((int)~PageEntry.RW));
        a.xchg(esi, ebp);
        EmitSetEntry(a);
        a.xchg(esi, ebp);
        a.Label(shared);
        EmitSetEntry(a);
        a.Label(next);
        a.test(ebx, ebx);
        a.jne(page);
        EmitFlushEntries(a);
        a.mov(eax, __dword_ptr[esi + SavedCr3]);
        a.mov(cr3, eax);
    }

    /// <summary>Gives up all pages of the process whose control block EBP names. Changes EAX, EBX, ECX and EDX.</summary>
    private void EmitReleaseMemory(GuestAssembler a)
    {
        GuestLabel next = a.CreateLabel("release.next");
        a.mov(ebx, MemoryPages);
        GuestLabel page = a.Here("release.page");
        a.dec(ebx);
        a.mov(edx, __dword_ptr[ebp + Map]);
        a.mov(eax, __dword_ptr[edx + ebx * 4]);
        a.test(eax, eax);
        a.je(next);
        EmitCountFrame(a, frame => a.dec(frame));
        a.xor(eax, eax);
        EmitSetEntry(a);
        a.Label(next);
        a.test(ebx, ebx);
        a.jne(page);
    }

    /// <summary>Changes the count of the frame that the entry in EAX names. Changes ECX.</summary>
    private void EmitCountFrame(GuestAssembler a, Action<AssemblerMemoryOperand> change)
    {
        a.mov(ecx, eax);
        a.shr(ecx, 12);
        change(__byte_ptr[ecx + (long)_frames]);
    }

    /// <summary>EAX becomes the entry of page EBX of the process whose control block EBP names. Changes EDX. Against hypercalls entries are collected.</summary>
    private void EmitSetEntry(GuestAssembler a)
    {
        a.mov(edx, __dword_ptr[ebp + Map]);
        a.mov(__dword_ptr[edx + ebx * 4], eax);
        if (!_usesHypercalls)
        {
            a.mov(edx, __dword_ptr[ebp + Table]);
            a.mov(__dword_ptr[edx + ebx * EntryBytes], eax);
            return;
        }

        a.mov(edx, __dword_ptr[_updates]);
        a.mov(__dword_ptr[edx * 8 + (long)(_updates + 8)], eax);
        a.inc(__dword_ptr[_updates]);
        a.push(eax);
        a.mov(eax, __dword_ptr[ebp + Table]);
        a.lea(eax, __[eax + ebx * 4]);
        a.mov(__dword_ptr[edx * 8 + (long)(_updates + 4)], eax);
        a.pop(eax);
    }

    /// <summary>Against hypercalls: has the monitor write the entries that were collected. Changes EAX, EBX and ECX.</summary>
    private void EmitFlushEntries(GuestAssembler a)
    {
        if (!_usesHypercalls)
        {
            return;
        }

        a.xor(ecx, ecx);
        a.xchg(__dword_ptr[_updates], ecx);
        a.mov(ebx, _updates + 4);
        HypercallCode.Call(a, Hypercall.UpdateEntries);
    }

    private void EmitMemoryCode(GuestAssembler a)
    {
        if (ManagesMemory)
        {
            _tables.Handle((byte)Vector.PF, _pageFault, 0);
            EmitPageFault(a);
            EmitAllocate(a);
        }
    }

    /// <summary>In pages without code: a monitor may protect those with code from being written.</summary>
    private void EmitMemoryData(GuestAssembler a)
    {
        if (!ManagesMemory)
        {
            return;
        }

        a.Align(PageBytes);
        if (_usesHypercalls)
        {
            // How many, then pairs as the hypercall takes them: at most two entries of each page.
            a.Label(_updates);
            a.Space(4 + 2 * MemoryPages * 8);
        }

        a.Label(_maps);
        for (int i = 0; i < ProcessCount; i++)
        {
            a.Dd([.. Enumerable.Range(0, MemoryPages).Select(page => StartsWith(i, page) ? PhysicalBase(i) + (uint)page * PageBytes + (uint)ImageRights : 0)]);
        }

        a.Label(_frames);
        a.Db([.. Enumerable.Range(0, FrameCount).Select(frame => UsersOf((uint)frame))]);
    }

    private PageRights ImageRights => (_services.Contains(Service.Exec) ? PageRights.User : PageRights.User | PageRights.Write) | (PageRights)PageEntry.P;

    private bool StartsWith(int process, int page) => process < _programs.Count && _programs[process].Starts && page < ImagePages;

    /// <summary>An image that is needed once more is a user of its frames itself.</summary>
    private byte UsersOf(uint frame)
    {
        if (frame * PageBytes is < GuestLayout.Processes or (>= MemoryHole and < MemoryHoleEnd))
        {
            return KernelsFrame;
        }

        int image = (int)((frame - FirstFrame) / ImagePages);
        bool isImage = frame * PageBytes < MemoryHole && image < _programs.Count;
        return !isImage ? (byte)0 : (byte)((_programs[image].Starts ? 1 : 0) + (_services.Contains(Service.Exec) ? 1 : 0));
    }

    private void EmitPageFault(GuestAssembler a)
    {
        GuestLabel isPresent = a.CreateLabel("pageFault.present");
        GuestLabel copy = a.CreateLabel("pageFault.copy");
        GuestLabel map = a.CreateLabel("pageFault.map");
        GuestLabel bad = a.CreateLabel("pageFault.bad");
        a.Label(_pageFault);
        a.pushad();
        a.cld();
        a.mov(ebx, cr2);
        a.sub(ebx, GuestLayout.ProcessBase);
        a.shr(ebx, 12);
        a.cmp(ebx, MemoryPages);
        a.jae(bad);
        a.mov(ebp, __dword_ptr[_current]);
        a.mov(edx, __dword_ptr[ebp + Map]);
        a.mov(esi, __dword_ptr[edx + ebx * 4]);
        a.test(esi, esi);
        a.jne(isPresent);
        a.call(_allocate);
        a.push(edi);
        a.mov(ecx, PageBytes / 4);
        a.rep.stosd();
        a.pop(edi);
        a.jmp(map);

        // A page that is there for reading alone is shared. The last one keeps it.
        a.Label(isPresent);
        a.test(__byte_ptr[esp + FaultErrorCode], (int)ErrorCode.Write);
        a.je(bad);
        a.mov(eax, esi);
        a.and(esi, unchecked((int)~(PageBytes - 1)));
        a.mov(edi, esi);
        a.mov(edx, esi);
        a.shr(edx, 12);
        a.cmp(__byte_ptr[edx + (long)_frames], 1);
        a.jne(copy);
        a.test(eax, PageEntry.RW);
        a.je(map);
        a.jmp(bad);
        a.Label(copy);
        a.push(edx);
        a.call(_allocate);
        a.pop(edx);
        a.dec(__byte_ptr[edx + (long)_frames]);
        a.push(edi);
        a.mov(ecx, PageBytes / 4);
        a.rep.movsd();
        a.pop(edi);

        a.Label(map);
        a.lea(eax, __[edi + (int)(Present | PageEntry.RW)]);
        EmitSetEntry(a);
        EmitFlushEntries(a);
        a.mov(ebx, cr2);
        a.invlpg(__[ebx]);
        a.popad();
        a.add(esp, 4);
        a.iretd();

        // As the handlers of vectors that nobody handles do.
        a.Label(bad);
        a.popad();
        a.push(eax);
        a.mov(eax, Guest.UnhandledInterrupt + (uint)Vector.PF);
        a.@out(GuestAssembler.ExitPort, eax);
    }

    /// <summary>EDI: a free frame, which has one user then; EAX: 0. Changes ECX; expects the direction flag clear. Without one the fault is a bad one.</summary>
    private void EmitAllocate(GuestAssembler a)
    {
        GuestLabel found = a.CreateLabel("allocate.found");
        a.Label(_allocate);
        a.mov(edi, _frames + (int)FirstFrame);
        a.mov(ecx, FrameCount - (int)FirstFrame);
        a.xor(eax, eax);
        a.repne.scasb();
        a.je(found);
        a.mov(eax, Guest.UnhandledInterrupt + (uint)Vector.PF);
        a.@out(GuestAssembler.ExitPort, eax);
        a.Label(found);
        a.dec(edi);
        a.mov(__byte_ptr[edi], 1);
        a.sub(edi, _frames);
        a.shl(edi, 12);
        a.ret();
    }
}
