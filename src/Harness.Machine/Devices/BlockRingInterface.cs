namespace Harness.Machine.Devices;

/// <summary>
/// What a driver of <see cref="BlockRing"/> has to know. The ring is a page of the guest's memory: four indices, and descriptors that hold a request until its
/// response takes its place. Indices count without end; index i is descriptor i modulo <see cref="Entries"/>. Each side moves two of four pointers, of which the two
/// that the other side has to know are shared: requests from the device's consumer up to <see cref="RequestProducer"/> wait, those from
/// <see cref="ResponseProducer"/> up to it are outstanding, from the driver's consumer up to there are responses, and the rest is unused.
/// Source: Barham et al., "Xen and the Art of Virtualization", SOSP 2003, 3.2 and figure 2.
/// </summary>
public static class BlockRingInterface
{
    /// <summary>
    /// Guest-physical address of the ring, a multiple of 4 KiB. Writing it starts the device anew; 0 stops it. Reading gives it back. A doubleword, as are all ports.
    /// </summary>
    public const ushort RingPort = 0xA00;

    /// <summary>Written with anything: there are requests. Read: <see cref="IsRunning"/>, <see cref="IsBroken"/>, and outstanding requests from bit 8 on.</summary>
    public const ushort DoorbellPort = 0xA04;

    /// <summary>Read: 1 if responses or a failure have been told since it was read last; that lowers the line. Written with 1: nothing raises the line from now on.</summary>
    public const ushort EventPort = 0xA08;

    /// <summary>Read: sectors of the disk, at most FFFFFFFFh.</summary>
    public const ushort CapacityPort = 0xA0C;

    public const ushort FirstPort = RingPort;
    public const int Ports = 16;

    /// <summary>The line of the interrupt controllers that the device raises.</summary>
    public const int Line = 11;

    /// <summary>Of the status: there is a ring.</summary>
    public const uint IsRunning = 1;

    /// <summary>Of the status: indices or the ring's place made no sense. The device does nothing until it is started anew.</summary>
    public const uint IsBroken = 2;

    /// <summary>Descriptors of a ring.</summary>
    public const int Entries = 16;

    /// <summary>Offsets in the ring. The driver's: requests that it has made so far.</summary>
    public const int RequestProducer = 0;

    /// <summary>The device's: it wants to be told when <see cref="RequestProducer"/> passes this, and needs not be before. So a driver need not ring while the device is at work.</summary>
    public const int RequestEvent = 4;

    /// <summary>The device's: responses that it has made so far.</summary>
    public const int ResponseProducer = 8;

    /// <summary>The driver's: it wants to be told when <see cref="ResponseProducer"/> reaches this. Further ahead, several responses come with one interrupt; behind, none is told.</summary>
    public const int ResponseEvent = 12;

    /// <summary>The first descriptor.</summary>
    public const int Descriptors = 64;

    /// <summary>
    /// Of a descriptor. A request: an identifier, the operation (bits 0 to 7) with the number of sectors (bits 8 to 15), the first sector, and the guest-physical address of
    /// the buffer, doublewords all. A response: the identifier, and a <see cref="BlockRingStatus"/>.
    /// </summary>
    public const int DescriptorBytes = 16;

    /// <summary>Operations: from the disk to memory, ...</summary>
    public const byte ReadOperation = 0;

    /// <summary>... and from memory to the disk.</summary>
    public const byte WriteOperation = 1;

    /// <summary>Sectors of a request at most: a page.</summary>
    public const int MostSectors = 8;
}

/// <summary>How a request ended.</summary>
public enum BlockRingStatus
{
    Done = 0,

    /// <summary>No such operation, no sectors or too many, or sectors that the disk does not have.</summary>
    BadRequest = -1,

    /// <summary>The buffer is not all RAM of the guest, or what a device may not write to. Neither the buffer nor the disk has changed.</summary>
    BadBuffer = -2,

    /// <summary>Whoever drives the disk gave no answer.</summary>
    Failed = -3,
}
