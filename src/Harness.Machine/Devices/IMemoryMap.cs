namespace Harness.Machine.Devices;

/// <summary>A device on the memory bus.</summary>
public interface IMemoryDevice
{
    /// <summary>Little-endian value of <paramref name="size"/> bytes (1, 2, 4 or 8) at an offset into the device. Never fails.</summary>
    ulong Read(ulong offset, int size);

    void Write(ulong offset, int size, ulong value);
}

/// <summary>Where reads or writes of a range of physical addresses go.</summary>
public readonly record struct MemoryTarget
{
    private readonly bool _isRam;

    private MemoryTarget(bool isRam, ulong offset, IMemoryDevice? device)
    {
        _isRam = isRam;
        Offset = offset;
        Device = device;
    }

    /// <summary>Reads give all ones, writes are lost.</summary>
    public static MemoryTarget None => default;

    public IMemoryDevice? Device { get; }

    /// <summary>Of the range's first byte, into RAM or the device.</summary>
    public ulong Offset { get; }

    /// <summary>RAM from this byte offset on, a multiple of 4 KiB. ROM images lie behind the memory proper.</summary>
    public static MemoryTarget RamAt(ulong offset) => new(true, offset, null);

    /// <summary>A device from this offset on.</summary>
    public static MemoryTarget DeviceAt(IMemoryDevice device, ulong offset = 0) => new(false, offset, device);

    internal int RamPage(ulong at, Ram ram) =>
        _isRam && Offset + at < (ulong)ram.TotalBytes ? (int)((Offset + at) / Ram.PageSize) : -1;
}

/// <summary>What a chipset may do to the physical address space.</summary>
public interface IMemoryMap
{
    /// <summary>
    /// Sends reads and writes of a range to their targets.
    /// </summary>
    /// <exception cref="ArgumentException">The range is not made of whole 4 KiB pages below 4 GiB.</exception>
    void Map(PhysicalAddress address, ulong length, MemoryTarget read, MemoryTarget write);

    /// <summary>Opens or closes the A20 gate.</summary>
    void SetA20(bool open);
}
