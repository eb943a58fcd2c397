namespace Harness.Machine.Devices;

/// <summary>
/// Memory as a device reaches it by itself (DMA): by guest-physical addresses and through the guest-physical map alone. An access is whole or not at all; it has to lie
/// in RAM from its first byte to its last. Nothing, ROM and the windows of other devices answer no device's write; only RAM and ROM answer its reads.
/// </summary>
public interface IDeviceMemory
{
    /// <summary>False: nothing was read.</summary>
    bool TryRead(PhysicalAddress address, Span<byte> data);

    /// <summary>False: nothing was written.</summary>
    bool TryWrite(PhysicalAddress address, ReadOnlySpan<byte> data);
}
