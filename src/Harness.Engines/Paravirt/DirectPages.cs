using System.Buffers.Binary;

namespace Harness.Engines.Paravirt;

/// <summary>
/// Direct paging: the processor walks the guest's own tables, two levels of 4-byte entries. A table is checked whole when it becomes one, its entries turn from
/// guest-physical to host addresses in place, and from then on only the monitor writes it. When the last use of it ends, its entries turn back.
/// </summary>
internal sealed class DirectPages
{
    private const uint PageMask = 0xFFFFF000;
    private const uint PageSize = 0x1000;
    private const int DirectoryShift = 22;
    private const uint Entries = 1024;
    private const uint MonitorsEntry = ParavirtInterface.MonitorStart >> DirectoryShift;

    /// <summary>A 4-MiB page, or in a page table the PAT, is no business of the guest. G means nothing: CR4.PGE is 0.</summary>
    private const uint Refused = PageEntry.PS;
    private readonly IHost _host;
    private readonly Frames _frames;
    private readonly uint _regionEntry;
    private readonly ShadowSpace _first;
    private bool _usesFirst = true;
    private uint _directory;

    /// <summary><paramref name="first"/>: tables of the monitor's that map the guest's memory to itself until the guest loads its own.</summary>
    public DirectPages(IHost host, Frames frames, ShadowSpace first)
    {
        _host = host;
        _frames = frames;
        _first = first;
        _directory = first.Root;
        _regionEntry = Read(first.Root, MonitorsEntry);
        uint table = first.FirstTable;
        for (uint page = 0; page < frames.GuestPages; page++)
        {
            uint linear = page * PageSize;
            if (linear % (1 << DirectoryShift) == 0)
            {
                table = first.FirstTable + (linear >> DirectoryShift) * PageSize;
                host.Memory.Write(new HostPhysicalAddress(table), new byte[PageSize]);
                first.WriteDirectory(host.Memory, linear, table | PageEntry.P | PageEntry.RW | PageEntry.US);
            }

            if (frames.Find(linear) is { } frame && frames.TryUse(frame, FrameType.Writable, out _))
            {
                first.WriteTable(host.Memory, table, linear, frame | PageEntry.P | PageEntry.RW | PageEntry.US);
            }
        }
    }

    /// <summary>See <see cref="MonitorContext.Omitted"/>.</summary>
    public Protection Omitted { get; init; }

    /// <summary>Entries that have been checked or turned back since it was set to 0.</summary>
    public int Work { get; set; }

    /// <summary>The value that the guest takes for CR3; 0 until it has loaded one.</summary>
    public uint VirtualCr3 => _usesFirst ? 0 : _frames.GuestAddressOf(_directory);

    /// <summary>Makes a page a page directory until <see cref="Unpin"/>.</summary>
    public int Pin(uint guestAddress)
    {
        if (guestAddress % PageSize != 0 || _frames.Find(guestAddress) is not { } frame)
        {
            return HypercallResult.BadArgument;
        }

        if (!TryUseTable(frame, FrameType.PageDirectory))
        {
            return HypercallResult.NotPermitted;
        }

        if (!_frames.SetPinned(frame, true))
        {
            Release(frame);
            return HypercallResult.BadArgument;
        }

        return HypercallResult.Done;
    }

    public int Unpin(uint guestAddress)
    {
        if (guestAddress % PageSize != 0 || _frames.Find(guestAddress) is not { } frame || !_frames.SetPinned(frame, false))
        {
            return HypercallResult.BadArgument;
        }

        Release(frame);
        return HypercallResult.Done;
    }

    public int Load(uint guestAddress)
    {
        if (guestAddress % PageSize != 0 || _frames.Find(guestAddress) is not { } frame)
        {
            return HypercallResult.BadArgument;
        }

        if (!TryUseTable(frame, FrameType.PageDirectory))
        {
            return HypercallResult.NotPermitted;
        }

        uint old = _directory;
        _directory = frame;
        _host.Cr3 = frame;
        if (_usesFirst)
        {
            _usesFirst = false;

            // All entries of these tables: the guest may have mapped something behind its memory too.
            for (uint page = 0; page < (_frames.GuestPages + Entries - 1) / Entries * Entries; page++)
            {
                ReleaseEntry(Read(_first.FirstTable + page / Entries * PageSize, page % Entries), inDirectory: false);
            }
        }
        else
        {
            Release(old);
        }

        return HypercallResult.Done;
    }

    /// <summary>The entry of a linear address in the tables in use; without a page table there is none.</summary>
    public int UpdateMapping(uint linear, uint entry)
    {
        if (linear >= ParavirtInterface.MonitorStart)
        {
            return HypercallResult.NotPermitted;
        }

        uint table = Read(_directory, linear >> DirectoryShift);
        return (table & PageEntry.P) == 0 ? HypercallResult.BadArgument : Update(table & PageMask, linear >> 12 & (Entries - 1), entry, inDirectory: false);
    }

    /// <summary>An entry of a page table or page directory by its guest-physical address.</summary>
    public int UpdateEntry(uint guestAddress, uint entry)
    {
        if (guestAddress % 4 != 0 || _frames.Find(guestAddress) is not { } frame)
        {
            return HypercallResult.BadArgument;
        }

        uint index = (guestAddress & ~PageMask) / 4;
        return _frames.TypeOf(frame) switch
        {
            FrameType.PageTable => Update(frame, index, entry, inDirectory: false),
            FrameType.PageDirectory when index == MonitorsEntry => HypercallResult.NotPermitted,
            FrameType.PageDirectory => Update(frame, index, entry, inDirectory: true),
            _ => HypercallResult.BadArgument,
        };
    }

    /// <summary>Reads as the kernel could; false: it could not.</summary>
    public bool TryRead(uint linear, Span<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            if (Walk(linear + (uint)done, write: false) is not { } at)
            {
                return false;
            }

            int count = Math.Min(data.Length - done, (int)(PageSize - (at & ~PageMask)));
            _host.Memory.Read(new HostPhysicalAddress(at), data.Slice(done, count));
            done += count;
        }

        return true;
    }

    public bool TryRead(uint linear, out uint value)
    {
        Span<byte> raw = stackalloc byte[4];
        bool read = TryRead(linear, raw);
        value = BinaryPrimitives.ReadUInt32LittleEndian(raw);
        return read;
    }

    /// <summary>Writes as the kernel could, and the tables note it; false: it could not, and bytes of an earlier page may be written.</summary>
    public bool TryWrite(uint linear, ReadOnlySpan<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            if (Walk(linear + (uint)done, write: true) is not { } at)
            {
                return false;
            }

            Note(linear + (uint)done, write: true);
            int count = Math.Min(data.Length - done, (int)(PageSize - (at & ~PageMask)));
            _host.Memory.Write(new HostPhysicalAddress(at), data.Slice(done, count));
            done += count;
        }

        return true;
    }

    /// <summary>The error code of the page fault of a program that reaches a byte (SDM Vol. 3A, 4.7); null: it may, and the tables note that it has.</summary>
    public uint? FaultOfUser(uint linear, bool write)
    {
        uint asked = PageEntry.US | (write ? PageEntry.RW : 0);
        uint outer = Read(_directory, linear >> DirectoryShift);
        uint index = linear >> 12 & (Entries - 1);
        uint inner = (outer & PageEntry.P) != 0 ? Read(outer & PageMask, index) : 0;
        if ((inner & PageEntry.P) == 0)
        {
            return asked;
        }

        if ((outer & inner & asked) != asked)
        {
            return asked | PageEntry.P;
        }

        Note(linear, write);
        return null;
    }

    /// <summary>Clears P in the entry of a linear address, as a pager would; nothing happens where there is none, or before the guest has tables of its own.</summary>
    public void PageOut(uint linear)
    {
        uint table = linear < ParavirtInterface.MonitorStart && !_usesFirst ? Read(_directory, linear >> DirectoryShift) : 0;
        uint index = linear >> 12 & (Entries - 1);
        uint entry = (table & PageEntry.P) != 0 ? Read(table & PageMask, index) : 0;
        if ((entry & PageEntry.P) != 0)
        {
            Update(table & PageMask, index, _frames.GuestAddressOf(entry & PageMask) | (entry & ~PageMask & ~PageEntry.P), inDirectory: false);
        }
    }

    public void Invalidate(uint linear) => _host.InvalidatePage(new LinearAddress(linear));

    /// <summary>Sets the accessed bits, and for a write the dirty bit, of a linear address that is mapped (SDM Vol. 3A, 4.8).</summary>
    private void Note(uint linear, bool write)
    {
        uint table = Read(_directory, linear >> DirectoryShift);
        uint index = linear >> 12 & (Entries - 1);
        Write(_directory, linear >> DirectoryShift, table | PageEntry.A);
        Write(table & PageMask, index, Read(table & PageMask, index) | PageEntry.A | (write ? PageEntry.D : 0));
    }

    private uint? Walk(uint linear, bool write)
    {
        uint needed = PageEntry.P | (write ? PageEntry.RW : 0);
        uint table = linear < ParavirtInterface.MonitorStart ? Read(_directory, linear >> DirectoryShift) : 0;
        uint entry = (table & needed) == needed ? Read(table & PageMask, linear >> 12 & (Entries - 1)) : 0;
        return (entry & needed) == needed ? (entry & PageMask) | (linear & ~PageMask) : null;
    }

    private int Update(uint table, uint index, uint entry, bool inDirectory)
    {
        uint old = Read(table, index);
        if (!TryUseEntry(ref entry, inDirectory))
        {
            return HypercallResult.NotPermitted;
        }

        Write(table, index, entry);
        if ((old & PageEntry.P) != 0)
        {
            // Before the frame may become a table, no translation of it may be left.
            _host.Cr3 = _directory;
            ReleaseEntry(old, inDirectory);
        }

        return HypercallResult.Done;
    }

    /// <summary>Checks a present entry, counts its use, and turns its address into the host's.</summary>
    private bool TryUseEntry(ref uint entry, bool inDirectory)
    {
        if ((entry & PageEntry.P) == 0)
        {
            return true;
        }

        if (_frames.Find(entry & PageMask) is null && !inDirectory && (Omitted & Protection.PageTables) != 0)
        {
            return true;
        }

        if ((entry & Refused) != 0 || _frames.Find(entry & PageMask) is not { } frame
            || (inDirectory ? !TryUseTable(frame, FrameType.PageTable) : (entry & PageEntry.RW) != 0 && !_frames.TryUse(frame, FrameType.Writable, out _)))
        {
            return false;
        }

        entry = frame | (entry & ~PageMask);
        return true;
    }

    private void ReleaseEntry(uint entry, bool inDirectory)
    {
        if ((entry & PageEntry.P) == 0)
        {
            return;
        }

        if (inDirectory)
        {
            Release(entry & PageMask);
        }
        else if ((entry & PageEntry.RW) != 0)
        {
            _frames.Release(entry & PageMask);
        }
    }

    /// <summary>One more use as a table; the first checks all of it.</summary>
    private bool TryUseTable(uint frame, FrameType type)
    {
        if (!_frames.TryUse(frame, type, out bool isFirst))
        {
            return false;
        }

        bool isDirectory = type == FrameType.PageDirectory;
        for (uint index = 0; isFirst && index < Entries; index++)
        {
            Work++;
            uint entry = Read(frame, index);
            bool isMonitors = isDirectory && index == MonitorsEntry;
            if (isMonitors ? entry != 0 : !TryUseEntry(ref entry, isDirectory))
            {
                Revert(frame, index, isDirectory);
                _frames.Release(frame);
                return false;
            }

            Write(frame, index, isMonitors ? _regionEntry : entry);
        }

        return true;
    }

    private void Release(uint frame)
    {
        bool isDirectory = _frames.TypeOf(frame) == FrameType.PageDirectory;
        if (_frames.Release(frame))
        {
            Revert(frame, Entries, isDirectory);
        }
    }

    /// <summary>Turns the first entries of a table back into the guest's own.</summary>
    private void Revert(uint frame, uint count, bool isDirectory)
    {
        for (uint index = 0; index < count; index++)
        {
            Work++;
            uint entry = Read(frame, index);
            if (isDirectory && index == MonitorsEntry)
            {
                Write(frame, index, 0);
            }
            else if ((entry & PageEntry.P) != 0)
            {
                Write(frame, index, _frames.GuestAddressOf(entry & PageMask) | (entry & ~PageMask));
                ReleaseEntry(entry, isDirectory);
            }
        }
    }

    private uint Read(uint table, uint index) => _host.Memory.ReadUInt32(new HostPhysicalAddress(table + index * 4));

    private void Write(uint table, uint index, uint entry)
    {
        if (Read(table, index) != entry)
        {
            _host.Memory.WriteUInt32(new HostPhysicalAddress(table + index * 4), entry);
        }
    }
}
