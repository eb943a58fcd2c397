using Harness.Machine.Devices;

namespace Harness.Machine;

/// <summary>
/// A physical address space of 4 GiB in pages of 4 KiB: each reads from and writes to a page of <see cref="Ram"/>, a device, or nothing (reads give all ones,
/// writes are lost). Reads and writes are mapped apart, as chipsets do for shadowed ROM.
/// </summary>
public sealed unsafe class PhysicalMemory : IMemoryMap, IDeviceMemory
{
    private const int PagesPerTable = 1024;
    private const int Nothing = -1;

    private static readonly Page[] EmptyTable = CreateTable();
    private readonly Page[][] _tables = new Page[PagesPerTable][];
    private readonly ulong _ramStart;
    private readonly FrameMap? _frames;
    private readonly List<Processor> _processors = [];
    private readonly List<(byte[] Image, long Offset)> _roms = [];

    /// <summary>Nothing is mapped yet. <paramref name="ramStart"/>: where RAM offset 0 of <see cref="MapRam"/> lies in <paramref name="ram"/>.</summary>
    public PhysicalMemory(Ram ram, long ramStart = 0)
    {
        Ram = ram;
        _ramStart = (ulong)ramStart;
        Array.Fill(_tables, EmptyTable);
    }

    /// <summary>RAM offset 0 of <see cref="MapRam"/> is page 0 of <paramref name="frames"/>, which a host may move and take away.</summary>
    public PhysicalMemory(Ram ram, FrameMap frames) : this(ram)
    {
        _frames = frames;
        frames.Changed += FrameChanged;
    }

    /// <summary>
    /// Where a page's reads and writes go: a page of RAM, else the device, else nothing. <see cref="FrameMap.Away"/> in the place of a page of RAM: the guest's RAM
    /// answers, once it has been resolved.
    /// </summary>
    internal struct Page
    {
        public int ReadPage;
        public int WritePage;
        public IMemoryDevice? ReadDevice;
        public IMemoryDevice? WriteDevice;
        public ulong ReadOffset;
        public ulong WriteOffset;
    }

    public Ram Ram { get; }

    /// <summary>All ones, or all but bit 20 while the A20 gate is closed.</summary>
    public uint AddressMask { get; private set; } = uint.MaxValue;

    /// <summary>Opens or closes the A20 gate, which forces address bit 20 to zero.</summary>
    public void SetA20(bool open)
    {
        uint mask = open ? uint.MaxValue : ~(1u << 20);
        if (mask != AddressMask)
        {
            AddressMask = mask;
            Changed();
        }
    }

    /// <summary>A mapping or the A20 gate has changed.</summary>
    public event Action? MapChanged;

    /// <summary>An access had to have a page resolved on its way, and why.</summary>
    public event Action<FrameFault>? Resolved;

    internal void Attach(Processor processor) => _processors.Add(processor);

    internal void Detach(Processor processor) => _processors.Remove(processor);

    internal ref readonly Page At(uint physical) => ref _tables[physical >> 22][physical >> 12 & (PagesPerTable - 1)];

    /// <inheritdoc/>
    public void MapRam(ulong address, ulong length, ulong ramOffset, MapSide side)
    {
        if (_frames is null)
        {
            Map(address, length, side, at => _ramStart + ramOffset + at < (ulong)Ram.TotalBytes ? (int)((_ramStart + ramOffset + at) / Ram.PageSize) : Nothing, null);
            return;
        }

        if (address != ramOffset)
        {
            throw new NotSupportedException($"RAM whose frames move is at its own address; RAM {ramOffset:X} was to be at {address:X}.");
        }

        Map(address, length, side, at => (long)((address + at) / Ram.PageSize) < _frames.Pages ? FrameMap.Away : Nothing, null);
        for (ulong at = 0; at < length && (long)((address + at) / Ram.PageSize) < _frames.Pages; at += Ram.PageSize)
        {
            FrameChanged((int)((address + at) / Ram.PageSize), lost: false);
        }
    }

    /// <inheritdoc/>
    public void MapRom(ulong address, ReadOnlyMemory<byte> image)
    {
        long offset = RomOffset(image);
        Map(address, (ulong)image.Length, MapSide.Read, at => (int)((offset + (long)at) / Ram.PageSize), null);
    }

    /// <inheritdoc/>
    public void MapDevice(ulong address, ulong length, IMemoryDevice device, MapSide side) => Map(address, length, side, _ => Nothing, device);

    /// <inheritdoc/>
    public void Unmap(ulong address, ulong length, MapSide side) => Map(address, length, side, _ => Nothing, null);

    private void Map(ulong address, ulong length, MapSide side, Func<ulong, int> ramPage, IMemoryDevice? device)
    {
        if (((address | length) & (Ram.PageSize - 1)) != 0 || address + length > 1ul << 32)
        {
            throw new ArgumentException($"A mapping covers whole 4 KiB pages below 4 GiB; asked for {length:X} bytes at {address:X}.", nameof(address));
        }

        for (ulong at = 0; at < length; at += Ram.PageSize)
        {
            ref Page page = ref Own((uint)(address + at));
            if ((side & MapSide.Read) != 0)
            {
                page.ReadPage = ramPage(at);
                page.ReadDevice = device;
                page.ReadOffset = at;
            }

            if ((side & MapSide.Write) != 0)
            {
                page.WritePage = ramPage(at);
                page.WriteDevice = device;
                page.WriteOffset = at;
            }
        }

        Changed();
    }

    /// <summary>Where an image lies behind the memory proper; it is copied there when it is first mapped.</summary>
    private long RomOffset(ReadOnlyMemory<byte> image)
    {
        if (!MemoryMarshal.TryGetArray(image, out ArraySegment<byte> segment) || segment.Offset % Ram.PageSize != 0)
        {
            throw new ArgumentException("A ROM image is an array, mapped from a multiple of 4 KiB on.", nameof(image));
        }

        foreach ((byte[] array, long offset) in _roms)
        {
            if (ReferenceEquals(array, segment.Array))
            {
                return offset + segment.Offset;
            }
        }

        long start = Ram.AddRom(segment.Array!);
        _roms.Add((segment.Array!, start));
        return start + segment.Offset;
    }

    /// <summary>The page of <see cref="Ram"/> that a physical page reads from, or -1.</summary>
    public int RamPageOf(PhysicalAddress address) => address.Value >> 32 != 0 ? Nothing : PageForReads((uint)address.Value & AddressMask);

    /// <summary>The page of <see cref="Ram"/> that a physical page's writes go to, or -1.</summary>
    public int RamPageForWrites(PhysicalAddress address) => address.Value >> 32 != 0 ? Nothing : PageForWrites((uint)address.Value & AddressMask);

    /// <summary>Reads and writes go to the same page of RAM, whether or not it can be touched before it has been resolved.</summary>
    public bool IsRam(PhysicalAddress address)
    {
        if (address.Value >> 32 != 0)
        {
            return false;
        }

        ref readonly Page page = ref At((uint)address.Value & AddressMask);
        return page.WritePage == FrameMap.Away ? page.ReadPage == FrameMap.Away || IsFrame(page.ReadPage) : page.WritePage >= 0 && page.WritePage == page.ReadPage;
    }

    /// <summary>RAM takes what is written there, be it there or not.</summary>
    public bool TakesWrites(PhysicalAddress address) => address.Value >> 32 == 0 && At((uint)address.Value & AddressMask).WritePage != Nothing;

    /// <summary>The page can be written where it is read, at once.</summary>
    public bool IsWritableInPlace(PhysicalAddress address)
    {
        ref readonly Page page = ref At((uint)address.Value & AddressMask);
        return address.Value >> 32 == 0 && page.WritePage >= 0 && page.WritePage == page.ReadPage;
    }

    /// <summary>Has a page of RAM resolved; the result says what was in the way, and nobody else is told.</summary>
    public FrameFault Touch(PhysicalAddress address, bool write)
    {
        ref readonly Page page = ref At((uint)address.Value & AddressMask);
        return address.Value >> 32 == 0 && (write ? page.WritePage : page.ReadPage) == FrameMap.Away
            ? _frames!.Resolve((int)(((uint)address.Value & AddressMask) / Ram.PageSize), write)
            : FrameFault.None;
    }

    /// <summary>The page of <see cref="Ram"/> that a masked address reads from, resolved, or -1.</summary>
    internal int PageForReads(uint physical)
    {
        int page = At(physical).ReadPage;
        return page == FrameMap.Away ? Resolve(physical, write: false) : page;
    }

    /// <summary>The page of <see cref="Ram"/> that writes to a masked address go to, resolved, or -1.</summary>
    internal int PageForWrites(uint physical)
    {
        int page = At(physical).WritePage;
        return page == FrameMap.Away ? Resolve(physical, write: true) : page;
    }

    private int Resolve(uint physical, bool write)
    {
        FrameFault fault = _frames!.Resolve((int)(physical / Ram.PageSize), write);
        Resolved?.Invoke(fault);
        ref readonly Page page = ref At(physical);
        return write ? page.WritePage : page.ReadPage;
    }

    /// <summary>ROM images lie behind the memory proper, and have no frames.</summary>
    private bool IsFrame(int page) => page >= 0 && page < Ram.Bytes / Ram.PageSize;

    private void FrameChanged(int number, bool lost)
    {
        ref Page page = ref Own((uint)number * Ram.PageSize);
        if (page.ReadPage == FrameMap.Away || IsFrame(page.ReadPage))
        {
            page.ReadPage = _frames!.FrameForReads(number);
        }

        if (page.WritePage != Nothing)
        {
            page.WritePage = _frames!.FrameForWrites(number);
        }

        if (lost)
        {
            foreach (Processor processor in _processors)
            {
                processor.MemoryMapChanged();
            }
        }
    }

    /// <summary>Copies out what a bus master would read; pages of devices and of nothing read as all ones.</summary>
    public void Read(PhysicalAddress address, Span<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            ulong at = address.Value + (ulong)done;
            int count = Math.Min(data.Length - done, Ram.PageSize - (int)(at & (Ram.PageSize - 1)));
            int page = RamPageOf(new PhysicalAddress(at));
            if (page < 0)
            {
                data.Slice(done, count).Fill(0xFF);
            }
            else
            {
                Ram.Read((long)page * Ram.PageSize + (long)(at & (Ram.PageSize - 1)), count).CopyTo(data[done..]);
            }

            done += count;
        }
    }

    /// <summary>Stores as a bus master would; what does not fall on RAM is lost.</summary>
    public void Write(PhysicalAddress address, ReadOnlySpan<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            ulong at = address.Value + (ulong)done;
            int count = Math.Min(data.Length - done, Ram.PageSize - (int)(at & (Ram.PageSize - 1)));
            int page = RamPageForWrites(new PhysicalAddress(at));
            if (page >= 0)
            {
                Ram.Write((long)page * Ram.PageSize + (long)(at & (Ram.PageSize - 1)), data.Slice(done, count));
            }

            done += count;
        }
    }

    /// <summary>As <see cref="Read"/>, a little-endian value of 1 to 8 bytes that does not cross a page.</summary>
    public ulong ReadWord(PhysicalAddress address, int size)
    {
        int page = RamPageOf(address);
        if (page < 0)
        {
            return ulong.MaxValue >> (64 - 8 * size);
        }

        return Load(Ram.Pointer(page) + (address.Value & (Ram.PageSize - 1)), size);
    }

    /// <summary>As <see cref="Write"/>, a little-endian value of 1 to 8 bytes that does not cross a page.</summary>
    public void WriteWord(PhysicalAddress address, int size, ulong value)
    {
        int page = RamPageForWrites(address);
        if (page < 0)
        {
            return;
        }

        int offset = (int)(address.Value & (Ram.PageSize - 1));
        Store(Ram.PointerToWrite(page) + offset, size, value);
        Ram.NoteWrite(page, offset, size);
    }

    /// <inheritdoc/>
    public bool TryRead(PhysicalAddress address, Span<byte> data)
    {
        if (!Answers(address, data.Length, write: false))
        {
            return false;
        }

        for (int done = 0; done < data.Length;)
        {
            uint at = (uint)(address.Value + (ulong)done);
            int count = Math.Min(data.Length - done, Ram.PageSize - (int)(at & (Ram.PageSize - 1)));
            Ram.Read((long)PageForReads(at) * Ram.PageSize + (at & (Ram.PageSize - 1)), count).CopyTo(data[done..]);
            done += count;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite(PhysicalAddress address, ReadOnlySpan<byte> data)
    {
        if (!Answers(address, data.Length, write: true))
        {
            return false;
        }

        for (int done = 0; done < data.Length;)
        {
            uint at = (uint)(address.Value + (ulong)done);
            int count = Math.Min(data.Length - done, Ram.PageSize - (int)(at & (Ram.PageSize - 1)));
            Ram.Write((long)PageForWrites(at) * Ram.PageSize + (at & (Ram.PageSize - 1)), data.Slice(done, count));
            done += count;
        }

        return true;
    }

    /// <summary>Every byte has memory behind it, be it there or not. The A20 gate lies between processor and bus: devices do not see it.</summary>
    public bool Answers(PhysicalAddress address, int length, bool write)
    {
        ulong last = address.Value + (ulong)length - 1;
        if (length <= 0 || last < address.Value || last > uint.MaxValue)
        {
            return false;
        }

        for (ulong page = address.Value >> 12; page <= last >> 12; page++)
        {
            ref readonly Page found = ref At((uint)(page << 12));
            if ((write ? found.WritePage : found.ReadPage) == Nothing)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads a little-endian value of 1 to 8 bytes within a page, devices included.</summary>
    internal ulong ReadValue(uint physical, int size)
    {
        physical &= AddressMask;
        int ram = PageForReads(physical);
        if (ram >= 0)
        {
            return Load(Ram.Pointer(ram) + (physical & (Ram.PageSize - 1)), size);
        }

        ref readonly Page page = ref At(physical);
        ulong ones = ulong.MaxValue >> (64 - 8 * size);
        return page.ReadDevice is null ? ones : page.ReadDevice.Read(page.ReadOffset + (physical & (Ram.PageSize - 1)), size) & ones;
    }

    internal void WriteValue(uint physical, int size, ulong value)
    {
        physical &= AddressMask;
        int ram = PageForWrites(physical);
        if (ram >= 0)
        {
            int offset = (int)(physical & (Ram.PageSize - 1));
            Store(Ram.PointerToWrite(ram) + offset, size, value);
            Ram.NoteWrite(ram, offset, size);
        }
        else
        {
            ref readonly Page page = ref At(physical);
            page.WriteDevice?.Write(page.WriteOffset + (physical & (Ram.PageSize - 1)), size, value);
        }
    }

    private static ulong Load(byte* place, int size)
    {
        switch (size)
        {
            case 1: return *place;
            case 2: return *(ushort*)place;
            case 4: return *(uint*)place;
            case 8: return *(ulong*)place;
        }

        ulong value = 0;
        for (int i = 0; i < size; i++)
        {
            value |= (ulong)place[i] << (8 * i);
        }

        return value;
    }

    private static void Store(byte* place, int size, ulong value)
    {
        switch (size)
        {
            case 1: *place = (byte)value; return;
            case 2: *(ushort*)place = (ushort)value; return;
            case 4: *(uint*)place = (uint)value; return;
            case 8: *(ulong*)place = value; return;
        }

        for (int i = 0; i < size; i++)
        {
            place[i] = (byte)(value >> (8 * i));
        }
    }

    private ref Page Own(uint physical)
    {
        ref Page[] table = ref _tables[physical >> 22];
        if (ReferenceEquals(table, EmptyTable))
        {
            table = CreateTable();
        }

        return ref table[physical >> 12 & (PagesPerTable - 1)];
    }

    private static Page[] CreateTable()
    {
        var table = new Page[PagesPerTable];
        Array.Fill(table, new Page { ReadPage = Nothing, WritePage = Nothing });
        return table;
    }

    private void Changed()
    {
        foreach (Processor processor in _processors)
        {
            processor.MemoryMapChanged();
        }

        MapChanged?.Invoke();
    }
}
