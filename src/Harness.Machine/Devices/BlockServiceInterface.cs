namespace Harness.Machine.Devices;

/// <summary>
/// What a driver for another machine's disk has to know: the other end of that machine's ring (<see cref="BlockRingInterface"/>), as far as it is shown. The monitor
/// forwards requests that it has checked, into a ring of the same form in the driver's own memory, each with a buffer there; the driver puts responses in their place.
/// The machine in the middle of the two is the monitor's: neither end sees the other's memory.
/// </summary>
public static class BlockServiceInterface
{
    /// <summary>As <see cref="BlockRingInterface.RingPort"/>. In this ring the driver's index is <see cref="BlockRingInterface.ResponseProducer"/>.</summary>
    public const ushort RingPort = 0xA20;

    /// <summary>Written with anything: there are responses.</summary>
    public const ushort DoorbellPort = 0xA24;

    /// <summary>Read: 1 if the line has been raised since it was read last; that lowers it.</summary>
    public const ushort EventPort = 0xA28;

    /// <summary>Guest-physical address of a page for each descriptor, one behind the other, a multiple of 4 KiB.</summary>
    public const ushort BuffersPort = 0xA2C;

    public const ushort FirstPort = RingPort;
    public const int Ports = 16;

    /// <summary>The line that the device raises: there are requests, or something happened in the host.</summary>
    public const int Line = 10;
}
