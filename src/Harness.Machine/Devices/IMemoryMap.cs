namespace Harness.Machine.Devices;

/// <summary>
/// The physical address space as the chipset decodes it, in pages of 4 KiB: every page has a target for reads and one for writes, each
/// RAM, ROM, a device or nothing. A page that nothing answers reads as all ones and ignores writes. A later call replaces an earlier one.
/// All addresses and lengths are multiples of 4 KiB.
/// </summary>
public interface IMemoryMap
{
    /// <summary>Lets RAM, from byte <paramref name="ramOffset"/> of it, answer the given sides.</summary>
    void MapRam(ulong address, ulong length, ulong ramOffset, MapSide side);

    /// <summary>Lets an image answer reads; what answers writes stays as it is.</summary>
    void MapRom(ulong address, ReadOnlyMemory<byte> image);

    /// <summary>Lets a device answer the given sides; its offset 0 is <paramref name="address"/>.</summary>
    void MapDevice(ulong address, ulong length, IMemoryDevice device, MapSide side);

    /// <summary>Lets nothing answer the given sides.</summary>
    void Unmap(ulong address, ulong length, MapSide side);
}
