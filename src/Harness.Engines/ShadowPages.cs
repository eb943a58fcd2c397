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
/// Shadow page tables: 4 KiB pages, filled on demand from the guest's walk. Frames that hold guest page tables or descriptor tables are traced: never
/// mapped for writing, so that each write to them traps and the shadow follows. With a space for users there are two shadows, of which one is in use: a pair
/// for a kernel and users that the processor cannot tell apart by their ring.
/// </summary>
internal sealed class ShadowPages(IHost host, Emulator emulator, GuestMemoryMap memory, ShadowSpace space, ShadowSpace? userSpace = null)
{
    private const uint PageMask = 0xFFFFF000;
    private const uint PageSize = ShadowSpace.PageSize;
    private const ulong FrameMask = 0xFFFFF000;
    private readonly Shadow[] _shadows = userSpace is null ? [new Shadow(space)] : [new Shadow(space), new Shadow(userSpace)];

    /// <summary>Where a frame is mapped: linear addresses of pages, each plus the number of the shadow.</summary>
    private readonly Dictionary<uint, List<uint>> _mapped = [];
    private readonly Dictionary<uint, List<TracedTable>> _traced = [];
    private readonly HashSet<uint> _copiedFrames = [];
    private readonly bool _hasWriteProtect = host.Has(Feature.I486);
    private readonly uint _firstTable = (userSpace ?? space).FirstTable;
    private uint _next = (userSpace ?? space).FirstTable;
    private uint _used;

    /// <summary>A guest paging structure: what its first entry maps, the size of an entry and what each maps.</summary>
    private readonly record struct TracedTable(uint Linear, uint EntrySize, ulong Span);

    /// <summary>Page tables by what they map: host-physical, 0 where there is none.</summary>
    private sealed class Shadow(ShadowSpace space)
    {
        public ShadowSpace Space => space;

        public uint[] Tables { get; } = new uint[space.End >> space.TableShift];
    }

    /// <summary>A traced paging structure was written since the last <see cref="DropAll"/> or since it was set to false.</summary>
    public bool Changed { get; set; }

    /// <summary>After <see cref="ShadowFault.Guest"/>: of the guest's own page fault.</summary>
    public uint ErrorCode { get; private set; }

    /// <summary>Puts the shadow in use that a guest at this level runs on.</summary>
    public void Use(bool user)
    {
        _used = user && userSpace is not null ? 1u : 0;
        uint root = _shadows[_used].Space.Root;
        if (host.Cr3 != root)
        {
            host.Cr3 = root;
        }
    }

    /// <summary>Forgets every translation and every traced frame: after CR3 loads and whatever else changes what the guest's tables mean.</summary>
    public void DropAll()
    {
        foreach (Shadow shadow in _shadows)
        {
            for (uint i = 0; i < (uint)shadow.Tables.Length; i++)
            {
                if (shadow.Tables[i] != 0)
                {
                    shadow.Space.WriteDirectory(host.Memory, i << space.TableShift, 0);
                    shadow.Tables[i] = 0;
                }
            }
        }

        _next = _firstTable;
        _mapped.Clear();
        _traced.Clear();
        _copiedFrames.Clear();
        uint root = _shadows[_used].Space.Root;
        if (host.Cr3 == root)
        {
            host.Cr3 = root;
        }

        Changed = true;
    }

    /// <summary>Forgets one page.</summary>
    public void Drop(LinearAddress linear)
    {
        for (uint number = 0; number < (uint)_shadows.Length; number++)
        {
            Drop(number, linear.Value & PageMask);
        }
    }

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

    /// <summary>Follows a write to guest memory at a host address.</summary>
    public void Written(uint address, int size)
    {
        if (!_traced.TryGetValue(address & PageMask, out List<TracedTable>? tables))
        {
            return;
        }

        Changed = true;
        uint offset = address & ~PageMask;
        foreach (TracedTable table in tables)
        {
            for (uint index = offset / table.EntrySize; index <= (offset + (uint)size - 1) / table.EntrySize; index++)
            {
                DropRange(table.Linear + index * table.Span, table.Span);
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

        if (_shadows[_used].Tables[linear.Value >> space.TableShift] == 0 && _next + PageSize > space.TablesEnd)
        {
            DropAll();
        }

        TracePath(linear.Value);
        var physical = new GuestPhysicalAddress(walk.Physical.Value);
        if (memory.Translate(physical, write: false) is not { } found)
        {
            return ShadowFault.Device;
        }

        uint frame = (uint)found.Value & PageMask;
        bool traced = _traced.ContainsKey(frame) || _copiedFrames.Contains(frame);
        bool inPlace = memory.Translate(physical, write: true) == found;
        bool writable = walk.Writable && !traced && inPlace;
        if (!writable && (write || !_hasWriteProtect))
        {
            return traced ? ShadowFault.Traced : ShadowFault.Protected;
        }

        bool open = walk.UserMode || space.IsUser || (virtualCr0 & Cr0.PG) == 0;
        Map(linear.Value & PageMask, frame, (writable ? PageEntry.RW : 0) | (open ? PageEntry.US : 0) | (walk.ExecuteDisable ? PageEntry.XD : 0));
        return ShadowFault.Filled;
    }

    private void Drop(uint number, uint page)
    {
        Shadow shadow = _shadows[number];
        uint table = page < space.End ? shadow.Tables[page >> space.TableShift] : 0;
        if (table == 0)
        {
            return;
        }

        uint entry = space.ReadTable(host.Memory, table, page);
        if ((entry & PageEntry.P) != 0)
        {
            space.WriteTable(host.Memory, table, page, 0);
            _mapped[entry & PageMask].Remove(page + number);
            host.InvalidatePage(new LinearAddress(page));
        }
    }

    private void Map(uint page, uint frame, ulong rights)
    {
        Drop(_used, page);
        Shadow shadow = _shadows[_used];
        ref uint table = ref shadow.Tables[page >> space.TableShift];
        if (table == 0)
        {
            table = _next;
            _next += PageSize;
            host.Memory.Write(new HostPhysicalAddress(table), new byte[PageSize]);
            shadow.Space.WriteDirectory(host.Memory, page, table | PageEntry.P | PageEntry.RW | PageEntry.US);
        }

        space.WriteTable(host.Memory, table, page, frame | PageEntry.P | rights);
        if (!_mapped.TryGetValue(frame, out List<uint>? pages))
        {
            _mapped[frame] = pages = [];
        }

        pages.Add(page + _used);
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
            Trace(directory, new TracedTable(0, 4, LargeSpan32));
            uint entry = memory.ReadUInt32(directory + (linear >> 22) * 4);
            if ((entry & PageEntry.P) != 0 && ((entry & PageEntry.PS) == 0 || (system.Cr4 & Cr4.PSE) == 0))
            {
                Trace(new GuestPhysicalAddress(entry & PageMask), new TracedTable(linear & ~(LargeSpan32 - 1), 4, PageSize));
            }

            return;
        }

        ulong pointer = (linear >> 30) switch { 0 => system.Pdpte0, 1 => system.Pdpte1, 2 => system.Pdpte2, _ => system.Pdpte3 };
        if ((pointer & PageEntry.P) != 0)
        {
            var directory = new GuestPhysicalAddress(pointer & FrameMask);
            Trace(directory, new TracedTable(linear & 0xC0000000, 8, LargeSpanPae));
            ulong entry = memory.ReadUInt64(directory + (linear >> 21 & 0x1FF) * 8);
            if ((entry & (PageEntry.P | PageEntry.PS)) == PageEntry.P)
            {
                Trace(new GuestPhysicalAddress(entry & FrameMask), new TracedTable(linear & ~(LargeSpanPae - 1), 8, PageSize));
            }
        }
    }

    private void Trace(GuestPhysicalAddress frameOfGuest, TracedTable table)
    {
        if (memory.Translate(frameOfGuest, write: true) is not { } found)
        {
            return;
        }

        uint frame = (uint)found.Value;
        if (!_traced.TryGetValue(frame, out List<TracedTable>? tables))
        {
            _traced[frame] = tables = [];
            Unmap(frame);
        }

        if (!tables.Contains(table))
        {
            tables.Add(table);
        }
    }

    /// <summary>Takes a frame out of the shadow wherever it is mapped.</summary>
    private void Unmap(uint frame)
    {
        if (_mapped.TryGetValue(frame, out List<uint>? pages))
        {
            foreach (uint page in pages.ToArray())
            {
                Drop(page & ~PageMask, page & PageMask);
            }
        }
    }

    private void DropRange(ulong linear, ulong span)
    {
        for (uint number = 0; number < (uint)_shadows.Length; number++)
        {
            for (ulong at = linear; at < linear + span && at < space.End; at += PageSize)
            {
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
