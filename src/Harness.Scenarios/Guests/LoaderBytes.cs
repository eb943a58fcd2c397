using System.Buffers.Binary;

namespace Harness.Scenarios;

/// <summary>What loaders of kernels write into memory: little-endian numbers, flat segments.</summary>
internal static class LoaderBytes
{
    /// <summary>Of a page, on which kernels expect what is loaded beside them.</summary>
    public const uint PageBytes = 4096;

    /// <summary>The memory that a PC has below its video memory.</summary>
    public const uint LowMemory = 640 << 10;

    /// <summary>Where memory goes on behind the video memory and the firmware.</summary>
    public const uint HighMemory = 1 << 20;

    public static ulong FlatCode { get; } = Flat(AccessRights.Code);

    public static ulong FlatData { get; } = Flat(0);

    public static GuestBytes At(uint address, byte[] bytes) => new(new PhysicalAddress(address), bytes);

    public static ushort Get16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    public static uint Get(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    public static void Put(Span<byte> bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], value);

    private static ulong Flat(uint type) => Descriptor.Segment(0, 0xFFFFFFFF, AccessRights.RealModeData | type | AccessRights.DB).Raw;
}
