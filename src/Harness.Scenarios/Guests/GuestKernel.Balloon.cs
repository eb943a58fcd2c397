namespace Harness.Scenarios;

/// <summary>Free pages of the kernel, and the driver of the balloon device that lends them to the host (Waldspurger, OSDI 2002, 3.2).</summary>
public sealed partial class GuestKernel
{
    // Ports and line of the device; see Harness.Machine/Devices/Balloon.cs.
    private const ushort BalloonTarget = 0x580;
    private const ushort BalloonGive = 0x588;
    private const ushort BalloonTakeBack = 0x58C;
    private const int BalloonLine = 11;

    // A list of pages: how many there are, then their numbers, of which the last is the next that is taken.
    private const int ListNumbers = 4;
    private readonly GuestLabel _freePages;
    private readonly GuestLabel _balloonPages;
    private uint _firstFreePage;
    private int _freePageCount;

    /// <summary>
    /// The kernel has free pages from a physical address on, and a driver that gives as many of them to the balloon device as the host asks for, and takes them back when it
    /// asks for fewer. What is allocated by <see cref="AllocatePage"/> the driver does not give. The machine needs a balloon device.
    /// </summary>
    /// <param name="first">Physical address of the first, a multiple of 4 KiB, not used otherwise.</param>
    /// <param name="pages">How many, 1 to 4096.</param>
    public void Balloon(uint first, int pages)
    {
        if (first % PageBytes != 0 || pages is < 1 or > 4096)
        {
            throw new GuestBuildException($"Balloon expects 1 to 4096 pages from a multiple of 1000h on; found {pages} from {first:X}h on.");
        }

        (_firstFreePage, _freePageCount) = (first / PageBytes, pages);
        OnIrq(BalloonLine, EmitBalloon);
    }

    /// <summary>In ring-0 code without interrupts: EAX becomes the physical address of a page that was free, or 0. Changes ECX.</summary>
    public void AllocatePage(GuestAssembler a)
    {
        Given.NotNull(a, Given.Code);
        GuestLabel none = a.CreateLabel("allocatePage.none");
        a.xor(eax, eax);
        EmitTake(a, _freePages, none);
        a.shl(eax, 12);
        a.Label(none);
    }

    /// <summary>In ring-0 code without interrupts: the page at the physical address in EAX is free again. Changes EAX and ECX.</summary>
    public void FreePage(GuestAssembler a)
    {
        Given.NotNull(a, Given.Code);
        a.shr(eax, 12);
        EmitPut(a, _freePages);
    }

    private void EmitBalloon(GuestAssembler a)
    {
        GuestLabel shrink = a.CreateLabel("balloon.shrink");
        GuestLabel end = a.CreateLabel("balloon.end");
        a.mov(dx, BalloonTarget);
        a.@in(eax, dx);
        a.mov(ebx, eax);
        GuestLabel next = a.Here("balloon.next");
        a.cmp(__dword_ptr[_balloonPages], ebx);
        a.je(end);
        a.ja(shrink);
        EmitTake(a, _freePages, end);
        a.mov(dx, BalloonGive);
        a.@out(dx, eax);
        EmitPut(a, _balloonPages);
        a.jmp(next);
        a.Label(shrink);
        EmitTake(a, _balloonPages, end);
        a.mov(dx, BalloonTakeBack);
        a.@out(dx, eax);
        EmitPut(a, _freePages);
        a.jmp(next);
        a.Label(end);
    }

    /// <summary>EAX: the number that a list gives up. Changes ECX.</summary>
    private static void EmitTake(GuestAssembler a, GuestLabel list, GuestLabel isEmpty)
    {
        a.mov(ecx, __dword_ptr[list]);
        a.jecxz(isEmpty);
        a.dec(ecx);
        a.mov(__dword_ptr[list], ecx);
        a.mov(eax, __dword_ptr[ecx * 4 + (long)(list + ListNumbers)]);
    }

    /// <summary>A list takes the number in EAX. Changes ECX.</summary>
    private static void EmitPut(GuestAssembler a, GuestLabel list)
    {
        a.mov(ecx, __dword_ptr[list]);
        a.mov(__dword_ptr[ecx * 4 + (long)(list + ListNumbers)], eax);
        a.inc(__dword_ptr[list]);
    }

    /// <summary>In pages without code: a monitor may protect those with code from being written.</summary>
    private void EmitPageLists(GuestAssembler a)
    {
        if (_freePageCount == 0)
        {
            return;
        }

        a.Align(PageBytes);
        a.Label(_freePages);
        a.Dd((uint)_freePageCount);
        a.Dd([.. Enumerable.Range(0, _freePageCount).Select(i => _firstFreePage + (uint)i)]);
        a.Label(_balloonPages);
        a.Dd(0);
        a.Space(_freePageCount * 4);
    }
}
