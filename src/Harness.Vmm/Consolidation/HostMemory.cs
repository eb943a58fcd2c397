namespace Harness.Vmm;

/// <summary>
/// The frames of a host and the pages of all its machines: which page is in which frame, which have none and why. It knows how to bring a page and how to take one
/// away, not when: that is <see cref="MemoryPolicy"/>'s. All counts are in pages of 4 KiB.
/// </summary>
/// <remarks>
/// A frame that is taken while a machine runs is never that machine's own, because an instruction that is under way may hold an address in it. Where a machine's
/// touch takes one of the last frames, <see cref="IsShort"/> asks for its time slice to end; <see cref="Reserve"/> frames are kept for what happens until then.
/// </remarks>
internal sealed class HostMemory : IDisposable
{
    /// <summary>Frames beyond those that the policy counts, for an instruction that is under way when the last one goes.</summary>
    public const int Reserve = 64;

    private static readonly byte[] Zeros = new byte[Ram.PageSize];
    private readonly int _firstFrame;
    private readonly Stack<int> _free = new();
    private readonly Frame[] _frames;
    private readonly HostPage[] _pages;
    private readonly MachineMemory[] _machines;
    private readonly MachineMemory[] _ownerOf;
    private readonly RandomStream _random;

    /// <param name="managed">Frames that machines can have together.</param>
    /// <param name="pagesEach">Pages of each machine's RAM.</param>
    /// <param name="random">Which page is swapped.</param>
    public HostMemory(int managed, IReadOnlyList<int> pagesEach, RandomStream random)
    {
        _random = random;
        Managed = managed;
        long frames = (long)pagesEach.Count * GuestMachine.MonitorBytes;
        _firstFrame = (int)(frames / Ram.PageSize);
        Ram = new Ram(frames + (long)(managed + Reserve) * Ram.PageSize, pagesEach.Count * Computer.RomBytes);
        _frames = new Frame[managed + Reserve];
        for (int i = _frames.Length - 1; i >= 0; i--)
        {
            _free.Push(i);
        }

        _pages = new HostPage[pagesEach.Sum()];
        _ownerOf = new MachineMemory[_pages.Length];
        _machines = new MachineMemory[pagesEach.Count];
        int first = 0;
        for (int i = 0; i < pagesEach.Count; i++)
        {
            _machines[i] = new MachineMemory(this, first, pagesEach[i]);
            Array.Fill(_ownerOf, _machines[i], first, pagesEach[i]);
            first += pagesEach[i];
        }

        Array.Fill(_pages, new HostPage { Frame = -1 });
        Sharing = new PageSharing(this);
    }

    /// <summary>Of a frame: how many pages are in it, the page if there is one alone, and whether writes are kept off because its contents are in the table.</summary>
    private struct Frame
    {
        public int References;
        public int Page;
        public bool IsShared;
    }

    public Ram Ram { get; }

    public int Managed { get; }

    /// <summary>Frames that are free, as the policy counts them; below 0 the reserve is in use.</summary>
    public int Free => _free.Count - Reserve;

    /// <summary>The frames are used up: whoever runs has to stop.</summary>
    public bool IsShort => Free <= 0;

    public IReadOnlyList<MachineMemory> Machines => _machines;

    public PageSharing Sharing { get; }

    /// <summary>Frames with contents that several pages have in common, or had.</summary>
    public int SharedFrames { get; private set; }

    /// <summary>Told when <see cref="IsShort"/> has come true.</summary>
    public event Action? Short;

    /// <summary>The machine whose instructions are under way; its frames stay where they are.</summary>
    public MachineMemory? Running { get; set; }

    public ref HostPage this[int page] => ref _pages[page];

    public MachineMemory OwnerOf(int page) => _ownerOf[page];

    /// <summary>The number in <see cref="Ram"/> of a frame.</summary>
    public int RamPage(int frame) => _firstFrame + frame;

    /// <summary>The page of a machine that alone is in a page of RAM, as a number among all pages; -1: there is none.</summary>
    public int PageIn(int ramPage)
    {
        int frame = ramPage - _firstFrame;
        return frame >= 0 && frame < _frames.Length && _frames[frame] is { References: 1, IsShared: false } ? _frames[frame].Page : -1;
    }

    public bool IsShared(int frame) => _frames[frame].IsShared;

    public int References(int frame) => _frames[frame].References;

    public ReadOnlySpan<byte> Bytes(int frame) => Ram.Read((long)RamPage(frame) * Ram.PageSize, Ram.PageSize);

    /// <summary>A page's bytes, wherever they are.</summary>
    public ReadOnlySpan<byte> Peek(int page)
    {
        ref HostPage p = ref _pages[page];
        return p.State == PageState.Present ? Bytes(p.Frame) : p.Swap ?? Zeros;
    }

    /// <summary>Lets a page be touched, in the course of its machine's run or before.</summary>
    public FrameFault Resolve(int page, bool write)
    {
        ref HostPage p = ref _pages[page];
        MachineMemory machine = _ownerOf[page];
        FrameFault fault = FrameFault.None;
        if (p.State != PageState.Present)
        {
            fault = p.State switch { PageState.Swapped => FrameFault.Swapped, PageState.Ballooned => FrameFault.Ballooned, _ => FrameFault.Untouched };
            int frame = Take(page);
            Ram.Write((long)RamPage(frame) * Ram.PageSize, p.Swap ?? Zeros);
            machine.SwappedIn += fault == FrameFault.Swapped ? 1 : 0;
            machine.FirstTouches += fault == FrameFault.Untouched ? 1 : 0;
            Leave(ref p, machine);
            p.Swap = null;
            p.State = PageState.Present;
            p.Frame = frame;
            machine.Present++;
        }

        if (p.IsSampled)
        {
            p.IsSampled = false;
            machine.NoteSampled();
            fault = fault == FrameFault.None ? FrameFault.Sampled : fault;
        }

        bool moved = write && _frames[p.Frame].IsShared;
        if (moved)
        {
            fault = FrameFault.Shared;
            Break(page);
        }

        machine.Tell(page, lost: moved);
        return fault;
    }

    /// <summary>Puts a page into a frame with the same bytes, which is shared from now on if it was not. A frame comes free.</summary>
    public void Merge(int page, int frame)
    {
        ref HostPage p = ref _pages[page];
        int old = p.Frame;
        Share(frame);
        Release(ref p);
        p.Frame = frame;
        _frames[frame].References++;
        MachineMemory machine = _ownerOf[page];
        machine.Merged++;
        Lose(page, old);
    }

    /// <summary>Keeps writes off a frame, because its contents are in the table of shared ones.</summary>
    private void Share(int frame)
    {
        if (!_frames[frame].IsShared)
        {
            _frames[frame].IsShared = true;
            SharedFrames++;
            Lose(_frames[frame].Page, frame);
        }
    }

    /// <summary>Takes a random page from a machine that does not run (Waldspurger, OSDI 2002, 3.3: randomized replacement). False: it has none that would free a frame.</summary>
    public bool SwapOut(MachineMemory machine)
    {
        // Whoever has few pages left is asked for them in order.
        for (int attempt = 0; attempt < 4 * machine.Pages; attempt++)
        {
            int page = machine.First + (attempt < 2 * machine.Pages ? _random.Below(machine.Pages) : attempt % machine.Pages);
            ref HostPage p = ref _pages[page];
            if (p.State != PageState.Present || _frames[p.Frame].References > 1)
            {
                continue;
            }

            // A page whose bytes are somewhere already need not be written (4.3: before a page is swapped, it is looked for).
            if (Sharing.TryMerge(page))
            {
                return true;
            }

            ReadOnlySpan<byte> bytes = Bytes(p.Frame);
            p.Swap = bytes.ContainsAnyExcept((byte)0) ? bytes.ToArray() : Zeros;
            Evict(page, PageState.Swapped);
            machine.Swapped++;
            machine.SwappedOut++;
            return true;
        }

        return false;
    }

    /// <summary>The guest gives a page away: its bytes are lost. The number is one among all pages.</summary>
    public void Inflate(int page)
    {
        ref HostPage p = ref _pages[page];
        MachineMemory machine = _ownerOf[page];
        if (p.State == PageState.Present)
        {
            Evict(page, PageState.Ballooned);
        }
        else
        {
            Leave(ref p, machine);
            p.Swap = null;
            p.State = PageState.Ballooned;
        }

        machine.Ballooned++;
        machine.Inflated++;
    }

    /// <summary>The guest takes a page back; it gets a frame when it touches it.</summary>
    public void Deflate(int page)
    {
        ref HostPage p = ref _pages[page];
        if (p.State == PageState.Ballooned)
        {
            _ownerOf[page].Ballooned--;
            p.State = PageState.Untouched;
        }
    }

    /// <summary>From now on, the first touch of a page is noticed.</summary>
    public void Sample(int page)
    {
        ref HostPage p = ref _pages[page];
        p.IsSampled = true;
        Lose(page, p.Frame);
    }

    /// <summary>Ends <see cref="Sample"/>; true: the page has been touched since.</summary>
    public bool EndSample(int page)
    {
        ref HostPage p = ref _pages[page];
        bool wasSampled = p.IsSampled;
        p.IsSampled = false;
        if (wasSampled)
        {
            _ownerOf[page].Tell(page, lost: false);
        }

        return !wasSampled && p.State == PageState.Present;
    }

    /// <summary>A machine has ended: its frames come free.</summary>
    public void Remove(MachineMemory machine)
    {
        for (int page = machine.First; page < machine.First + machine.Pages; page++)
        {
            ref HostPage p = ref _pages[page];
            if (p.State == PageState.Present)
            {
                Release(ref p);
            }

            p = new HostPage { Frame = -1 };
        }

        machine.Clear();
    }

    public void Dispose() => Ram.Dispose();

    /// <summary>A frame for one page. Without a free one, somebody else's page goes: the machine that runs stops soon.</summary>
    private int Take(int page)
    {
        if (_free.Count == 0 && !_machines.Where(m => m != Running && m != _ownerOf[page]).OrderByDescending(m => m.Present).Any(SwapOut))
        {
            throw new InvalidOperationException("The host has no frame left, and no machine but the one that runs has one: its reserve is too small.");
        }

        int frame = _free.Pop();
        _frames[frame] = new Frame { References = 1, Page = page };
        if (IsShort)
        {
            Short?.Invoke();
        }

        return frame;
    }

    /// <summary>Gives the page a frame of its own, with the bytes of the shared one.</summary>
    private void Break(int page)
    {
        ref HostPage p = ref _pages[page];
        int old = p.Frame;
        _ownerOf[page].Broken++;
        if (_frames[old].References == 1)
        {
            // The others have gone: it can have the frame itself.
            Unshare(old);
            _frames[old].Page = page;
            return;
        }

        int frame = Take(page);
        Ram.Write((long)RamPage(frame) * Ram.PageSize, Bytes(old));
        _frames[old].References--;
        p.Frame = frame;
        Ram.Forget(RamPage(old));
        _ownerOf[page].TellLost(RamPage(old), stays: false);
    }

    private void Evict(int page, PageState state)
    {
        ref HostPage p = ref _pages[page];
        int old = p.Frame;
        Release(ref p);
        p.State = state;
        p.IsSampled = false;
        _ownerOf[page].Present--;
        Lose(page, old);
    }

    /// <summary>Takes a page out of its frame, which may come free.</summary>
    private void Release(ref HostPage page)
    {
        int frame = page.Frame;
        page.Frame = -1;
        if (--_frames[frame].References > 0)
        {
            return;
        }

        if (_frames[frame].IsShared)
        {
            Unshare(frame);
        }

        Ram.Forget(RamPage(frame));
        _free.Push(frame);
    }

    private void Unshare(int frame)
    {
        _frames[frame].IsShared = false;
        SharedFrames--;
        Sharing.Remove(frame);
    }

    /// <summary>Counts a page out of the state that it leaves.</summary>
    private static void Leave(ref HostPage page, MachineMemory machine)
    {
        machine.Swapped -= page.State == PageState.Swapped ? 1 : 0;
        machine.Ballooned -= page.State == PageState.Ballooned ? 1 : 0;
    }

    /// <summary>The page is not in the frame any more, or not to be touched or written there at once.</summary>
    private void Lose(int page, int frame)
    {
        Ram.Forget(RamPage(frame));
        _ownerOf[page].Tell(page, lost: true);
        _ownerOf[page].TellLost(RamPage(frame), stays: _pages[page].Frame == frame);
    }
}

/// <summary>Where a page of a machine is.</summary>
internal enum PageState : byte
{
    /// <summary>Nowhere: nobody has touched it, and it reads as zeros.</summary>
    Untouched,

    /// <summary>In a frame.</summary>
    Present,

    /// <summary>Given away by the guest.</summary>
    Ballooned,

    /// <summary>In swap space.</summary>
    Swapped,
}

/// <summary>A page of a machine's RAM: its frame or -1, its bytes in swap space or null.</summary>
internal struct HostPage
{
    public int Frame;
    public PageState State;
    public bool IsSampled;
    public byte[]? Swap;
}
