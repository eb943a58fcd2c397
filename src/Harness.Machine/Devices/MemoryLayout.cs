namespace Harness.Machine.Devices;

/// <summary>Where RAM lies: up to 3 GiB from address 0, the rest from 4 GiB.</summary>
/// <param name="RamBytes">Size of RAM in bytes.</param>
public readonly record struct MemoryLayout(ulong RamBytes)
{
    /// <summary>End of the range below 4 GiB that RAM may take.</summary>
    public const ulong LowLimit = 0xC000_0000;

    /// <summary>Start of the rest.</summary>
    public const ulong HighStart = 0x1_0000_0000;

    /// <summary>Bytes of RAM below 4 GiB.</summary>
    public ulong LowBytes => Math.Min(RamBytes, LowLimit);

    /// <summary>Bytes of RAM above 4 GiB.</summary>
    public ulong HighBytes => RamBytes - LowBytes;
}
