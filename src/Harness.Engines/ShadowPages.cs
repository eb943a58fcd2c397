namespace Harness.Engines;

/// <summary>What became of a page fault of the real processor.</summary>
internal enum ShadowFault
{
    /// <summary>The shadow lacked the page; now it has it.</summary>
    Filled,

    /// <summary>The guest's own tables forbid the access.</summary>
    Guest,

    /// <summary>No memory answers there.</summary>
    Device,

    /// <summary>A write to a table of the guest that the monitor shadows.</summary>
    Traced,

    /// <summary>Allowed to the guest by CR0.WP = 0, or to a ROM that ignores it; the processor must not do it.</summary>
    Protected,
}

/// <summary>
/// Shadow page tables, filled on demand from the guest's walk, of 4 KiB pages and, where the space has them, large ones. Frames that hold guest page tables or
/// descriptor tables are traced: never mapped for writing, so that each write to them traps and the shadow follows. An address space of the guest has one shadow,
/// or a pair of which one is in use: for a kernel and users that the processor cannot tell apart by their ring.
/// </summary>
/// <remarks>
/// With room for one address space it is a virtual TLB, emptied by each switch. With more, address spaces are kept and found again; the least recently used
/// makes room. A page table is no longer traced when the directory entry that named it is written, and an address space is forgotten when its directory is
/// written again and again while it is not in use: the guest has made something else of the frame.
/// </remarks>
/// <param name="host">The processor.</param>
/// <param name="emulator">The guest's virtual state.</param>
/// <param name="memory">The guest's memory.</param>
/// <param name="spaces">Room for shadows, one behind the other; those of one address space follow each other.</param>
/// <param name="shadowsEach">Shadows of an address space: 1, or 2 for the kernel's and the users'.</param>
internal sealed partial class ShadowPages(IHost host, Emulator emulator, GuestMemoryMap memory, ShadowSpace[] spaces, int shadowsEach = 1)
{
    private const uint PageMask = 0xFFFFF000;
    private const uint PageSize = ShadowSpace.PageSize;
    private const ulong FrameMask = 0xFFFFF000;

    /// <summary>Writes to the directory of an address space out of use after which it is forgotten.</summary>
    private const int Flood = 3;
    private readonly Shadow[] _shadows = [.. spaces.Select(space => new Shadow(space))];
    private readonly AddressSpace[] _addressSpaces =
    [
        .. Enumerable.Range(0, spaces.Length / shadowsEach).Select(i => new AddressSpace { Key = i == 0 ? KeyOf(emulator) : null }),
    ];


    /// <summary>Where a frame is mapped: linear addresses of pages, each plus the number of the shadow.</summary>
    private readonly Dictionary<uint, List<uint>> _mapped = [];
    private readonly Dictionary<uint, List<TracedTable>> _traced = [];
    private readonly HashSet<uint> _copiedFrames = [];
    private readonly HashSet<uint> _lostFrames = [];
    private readonly bool _hasWriteProtect = host.Has(Feature.I486);
    private readonly Stack<uint> _free = [];

    /// <summary>Frames that the host has changed since <see cref="Settle"/>.</summary>
    private readonly List<(uint Frame, bool Stays)> _stale = [];
    private uint _next = spaces[^1].FirstTable;
    private int _current;
    private uint _user;
    private long _switches;

    /// <summary>A guest paging structure: of which address space, what its first entry maps, the size of an entry and what each maps.</summary>
    private readonly record struct TracedTable(int Owner, uint Linear, uint EntrySize, ulong Span)
    {
        public bool IsDirectory => Span > PageSize;
    }

    private sealed class Shadow(ShadowSpace space)
    {
        public ShadowSpace Space => space;

        /// <summary>Page tables by what they map: host-physical, 0 where there is none.</summary>
        public uint[] Tables { get; } = new uint[space.End >> space.TableShift];

        /// <summary>Present entries of each.</summary>
        public int[] Mapped { get; } = new int[space.End >> space.TableShift];

        /// <summary>Directory entries of large pages, which have no table; 0 where there is none.</summary>
        public ulong[] Large { get; } = new ulong[space.End >> space.TableShift];
    }

    /// <summary>See <see cref="MonitorContext.Omitted"/>.</summary>
    public Protection Omitted { get; init; }

    /// <summary>A traced paging structure was written, or a copied frame lost, since <see cref="Followed"/>.</summary>
    public bool Changed { get; private set; }

    /// <summary>Whoever asks <see cref="Changed"/> and <see cref="WasLost"/> has followed.</summary>
    public void Followed()
    {
        Changed = false;
        _lostFrames.Clear();
    }

    /// <summary>After <see cref="Fill"/>: what the host had to do for the page.</summary>
    public FrameFault HostCause { get; private set; }

    /// <summary>After <see cref="ShadowFault.Guest"/>: of the guest's own page fault.</summary>
    public uint ErrorCode { get; private set; }

    /// <summary>The space of the shadow in use.</summary>
    public ShadowSpace Space => _shadows[InUse].Space;

    private uint InUse => (uint)(_current * shadowsEach) + _user;

    /// <summary>Puts the shadow in use that a guest at this level runs on.</summary>
    public void Use(bool user)
    {
        _user = user && shadowsEach == 2 ? 1u : 0;
        uint root = Space.Root;
        if (host.Cr3 != root)
        {
            host.Cr3 = root;
        }
    }

    /// <summary>Forgets every translation, every address space and every traced frame: after changes of the memory map.</summary>
    public void DropAll()
    {
        foreach (Shadow shadow in _shadows)
        {
            for (uint i = 0; i < (uint)shadow.Tables.Length; i++)
            {
                if (shadow.Tables[i] != 0 || shadow.Large[i] != 0)
                {
                    shadow.Space.WriteDirectory(host.Memory, i << shadow.Space.TableShift, 0);
                    shadow.Tables[i] = 0;
                    shadow.Mapped[i] = 0;
                    shadow.Large[i] = 0;
                }
            }
        }

        foreach (AddressSpace addressSpace in _addressSpaces)
        {
            addressSpace.Key = null;
            addressSpace.Frames.Clear();
            addressSpace.PageTables.Clear();
        }

        _addressSpaces[_current].Key = KeyOf(emulator);
        _next = spaces[^1].FirstTable;
        _free.Clear();
        _mapped.Clear();
        _mappedLarge.Clear();
        _traced.Clear();
        _copiedFrames.Clear();
        Flush(Space);
        Changed = true;
    }

    /// <summary>What the shadows take at this moment, roots included.</summary>
    public ShadowUse Used => new(
        _addressSpaces.Count(a => a.Key is not null),
        _shadows.Sum(shadow => shadow.Tables.Count(table => table != 0)) + _addressSpaces.Count(a => a.Key is not null) * shadowsEach * Space.RootFrames);

    /// <summary>Forgets one page of the address space in use.</summary>
    public void Drop(LinearAddress linear) => DropRange(_current, linear.Value & PageMask, PageSize);

    /// <summary>The host frame behind a page of which the monitor has a copy, as of descriptor tables, traced from now on; null: not mapped, or not memory.</summary>
    public uint? Trace(LinearAddress linear)
    {
        if (emulator.Translate(linear, write: false, user: false) is not { } address || memory.Translate(address, write: false) is not { } found)
        {
            return null;
        }

        TracePath(linear.Value);
        uint frame = (uint)found.Value & PageMask;
        if (_copiedFrames.Add(frame))
        {
            Unmap(frame);
        }

        return frame;
    }

    /// <summary>
    /// The host has taken the frame away since <see cref="Followed"/>: even where the guest's page is in it again, the page may have lost its bytes to a
    /// balloon.
    /// </summary>
    public bool WasLost(uint frame) => _lostFrames.Contains(frame);

    /// <summary>A write to the host address by the guest would trap.</summary>
    public bool IsTraced(uint address) => _traced.ContainsKey(address & PageMask) || _copiedFrames.Contains(address & PageMask);

    /// <summary>Follows a write to guest memory at a host address.</summary>
    public void Written(uint address, int size)
    {
        if (!_traced.TryGetValue(address & PageMask, out List<TracedTable>? tables))
        {
            return;
        }

        Changed = true;
        uint offset = address & ~PageMask;
        foreach (TracedTable table in tables.ToArray())
        {
            for (uint index = offset / table.EntrySize; index <= (offset + (uint)size - 1) / table.EntrySize; index++)
            {
                ulong linear = table.Linear + index * table.Span;
                DropRange(table.Owner, linear, table.Span);
                if (table.IsDirectory)
                {
                    UntracePageTable(table.Owner, (uint)linear);
                }
            }

            if (table.IsDirectory && table.Owner != _current && ++_addressSpaces[table.Owner].Writes == Flood)
            {
                Forget(table.Owner);
            }
        }
    }

    /// <summary>
    /// Answers a page fault of the real processor. Without CR0.WP a kernel could write to what is mapped at all: then only what may be written is mapped, and
    /// the guest is emulated elsewhere. The guest's accessed and dirty bits come out as its own walk leaves them.
    /// </summary>
    public ShadowFault Fill(LinearAddress linear, bool write, bool fetch, bool user)
    {
        ref uint cr0 = ref emulator.System.Cr0;
        uint virtualCr0 = cr0;
        cr0 |= Cr0.WP;
        bool allowed = emulator.Walk(linear, write, user, fetch, out PageWalk walk);
        cr0 = virtualCr0;
        ErrorCode = walk.ErrorCode;
        if (!allowed)
        {
            bool lax = !user && write && (virtualCr0 & Cr0.WP) == 0 && emulator.Translate(linear, write, user) is not null;
            return lax ? ShadowFault.Protected : ShadowFault.Guest;
        }

        var physical = new GuestPhysicalAddress(walk.Physical.Value);
        HostCause = Touch(physical, write && walk.Writable);
        Settle();
        if (_shadows[InUse].Tables[linear.Value >> Space.TableShift] == 0)
        {
            MakeRoom();
        }

        TracePath(linear.Value);
        if (memory.Translate(physical, write: false) is not { } found)
        {
            return ShadowFault.Device;
        }

        uint frame = (uint)found.Value & PageMask;
        bool traced = (Omitted & Protection.Trace) == 0 && IsTraced(frame);
        bool writable = walk.Writable && !traced && memory.IsWritable(physical);
        if (!writable && (write || !_hasWriteProtect))
        {
            return traced ? ShadowFault.Traced : ShadowFault.Protected;
        }

        bool open = walk.UserMode || Space.IsUser || (virtualCr0 & Cr0.PG) == 0;
        ulong rights = (writable ? PageEntry.RW : 0) | (open ? PageEntry.US : 0) | (walk.ExecuteDisable ? PageEntry.XD : 0);
        if (LargeFrame(linear.Value, walk) is { } large)
        {
            MapLarge(linear.Value, large, rights);
        }
        else
        {
            Map(linear.Value & PageMask, frame, rights);
        }

        return ShadowFault.Filled;
    }

    /// <summary>Has the host bring the page, to be written unless the guest's write is emulated anyway.</summary>
    private FrameFault Touch(GuestPhysicalAddress page, bool write)
    {
        FrameFault fault = memory.Touch(page, write: false);
        if (write && memory.IsRam(page) && memory.Translate(page, write: false) is { } found && !IsTraced((uint)found.Value))
        {
            FrameFault second = memory.Touch(page, write: true);
            fault = second == FrameFault.None ? fault : second;
        }

        return fault;
    }

    private void Drop(uint number, uint page)
    {
        Shadow shadow = _shadows[number];
        ShadowSpace space = shadow.Space;
        uint table = page < space.End ? shadow.Tables[page >> space.TableShift] : 0;
        if (table == 0)
        {
            return;
        }

        uint entry = space.ReadTable(host.Memory, table, page);
        if ((entry & PageEntry.P) != 0)
        {
            space.WriteTable(host.Memory, table, page, 0);
            shadow.Mapped[page >> space.TableShift]--;
            _mapped[entry & PageMask].Remove(page + number);
            host.InvalidatePage(new LinearAddress(page));
        }
    }

    private void Map(uint page, uint frame, ulong rights)
    {
        Drop(InUse, page);
        if (_shadows[InUse].Tables[page >> Space.TableShift] == 0)
        {
            AddTable(InUse, page);
        }

        Enter(InUse, page, frame, rights);
    }

    /// <summary>An empty page table for a linear address. There has to be room for it.</summary>
    private void AddTable(uint number, uint page)
    {
        Shadow shadow = _shadows[number];
        if (!_free.TryPop(out uint table))
        {
            table = _next;
            _next += PageSize;
        }

        shadow.Tables[page >> shadow.Space.TableShift] = table;
        host.Memory.Write(new HostPhysicalAddress(table), new byte[PageSize]);
        shadow.Space.WriteDirectory(host.Memory, page, table | PageEntry.P | PageEntry.RW | PageEntry.US);
    }

    private void Enter(uint number, uint page, uint frame, ulong rights)
    {
        Shadow shadow = _shadows[number];
        uint slot = page >> shadow.Space.TableShift;
        shadow.Space.WriteTable(host.Memory, shadow.Tables[slot], page, frame | PageEntry.P | rights);
        shadow.Mapped[slot]++;
        Note(_mapped, frame, page + number);
    }

    private static void Note(Dictionary<uint, List<uint>> places, uint frame, uint place)
    {
        if (!places.TryGetValue(frame, out List<uint>? pages))
        {
            places[frame] = pages = [];
        }

        pages.Add(place);
    }

    /// <summary>Traces the guest paging structures that translate the address.</summary>
    private void TracePath(uint linear)
    {
        const uint LargeSpan32 = 1u << 22;
        const uint LargeSpanPae = 1u << 21;
        ref SystemRegisters system = ref emulator.System;
        if ((system.Cr0 & Cr0.PG) == 0)
        {
            return;
        }

        if ((system.Cr4 & Cr4.PAE) == 0)
        {
            var directory = new GuestPhysicalAddress(system.Cr3 & PageMask);
            Trace(directory, new TracedTable(_current, 0, 4, LargeSpan32));
            uint entry = memory.ReadUInt32(directory + (linear >> 22) * 4);
            if ((entry & PageEntry.P) != 0 && ((entry & PageEntry.PS) == 0 || (system.Cr4 & Cr4.PSE) == 0))
            {
                Trace(new GuestPhysicalAddress(entry & PageMask), new TracedTable(_current, linear & ~(LargeSpan32 - 1), 4, PageSize));
            }

            return;
        }

        ulong pointer = (linear >> 30) switch { 0 => system.Pdpte0, 1 => system.Pdpte1, 2 => system.Pdpte2, _ => system.Pdpte3 };
        if ((pointer & PageEntry.P) != 0)
        {
            var directory = new GuestPhysicalAddress(pointer & FrameMask);
            Trace(directory, new TracedTable(_current, linear & 0xC0000000, 8, LargeSpanPae));
            ulong entry = memory.ReadUInt64(directory + (linear >> 21 & 0x1FF) * 8);
            if ((entry & (PageEntry.P | PageEntry.PS)) == PageEntry.P)
            {
                Trace(new GuestPhysicalAddress(entry & FrameMask), new TracedTable(_current, linear & ~(LargeSpanPae - 1), 8, PageSize));
            }
        }
    }

    private void Trace(GuestPhysicalAddress frameOfGuest, TracedTable table)
    {
        // RAM whose frame others have too takes no write before it has another: as long as nobody writes, the table is there.
        if (memory.Translate(frameOfGuest, write: !memory.IsRam(frameOfGuest)) is not { } found)
        {
            return;
        }

        uint frame = (uint)found.Value;
        if (!_traced.TryGetValue(frame, out List<TracedTable>? tables))
        {
            _traced[frame] = tables = [];
            Unmap(frame);
        }

        if (tables.Contains(table))
        {
            return;
        }

        tables.Add(table);
        AddressSpace owner = _addressSpaces[table.Owner];
        owner.Frames.Add(frame);
        if (!table.IsDirectory)
        {
            owner.PageTables[table.Linear] = frame;
        }
    }

    /// <summary>The directory entry for a linear address was written: the page table that it named is one no more, as far as it goes.</summary>
    private void UntracePageTable(int owner, uint linear)
    {
        AddressSpace addressSpace = _addressSpaces[owner];
        if (addressSpace.PageTables.Remove(linear, out uint frame))
        {
            addressSpace.Frames.Remove(frame);
            Untrace(frame, t => t.Owner == owner && t.Linear == linear && !t.IsDirectory);
        }
    }

    private void Untrace(uint frame, Predicate<TracedTable> which)
    {
        if (_traced.TryGetValue(frame, out List<TracedTable>? tables))
        {
            tables.RemoveAll(which);
            if (tables.Count == 0)
            {
                _traced.Remove(frame);
            }
        }
    }

    private void Flush(ShadowSpace space)
    {
        if (host.Cr3 == space.Root)
        {
            host.Cr3 = space.Root;
        }
    }

    /// <summary>Takes a frame out of the shadow wherever it is mapped.</summary>
    private void Unmap(uint frame)
    {
        SplitAround(frame);
        if (_mapped.TryGetValue(frame, out List<uint>? pages))
        {
            foreach (uint page in pages.ToArray())
            {
                Drop(page & ~PageMask, page & PageMask);
            }
        }
    }

    private void DropRange(int owner, ulong linear, ulong span)
    {
        for (uint number = (uint)(owner * shadowsEach); number < (uint)((owner + 1) * shadowsEach); number++)
        {
            ShadowSpace space = _shadows[number].Space;
            for (ulong at = linear; at < linear + span && at < space.End; at += PageSize)
            {
                DropLarge(number, (uint)at);
                if (_shadows[number].Tables[at >> space.TableShift] == 0)
                {
                    at |= (1u << space.TableShift) - PageSize;
                    continue;
                }

                Drop(number, (uint)at);
            }
        }
    }
}
