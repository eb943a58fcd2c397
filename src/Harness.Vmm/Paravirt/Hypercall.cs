namespace Harness.Vmm;

/// <summary>
/// Calls of a paravirtualized kernel to its monitor: INT <see cref="ParavirtInterface.Vector"/> in ring 1 with the number in EAX, arguments in EBX, ECX and EDX,
/// the result in EAX (a <see cref="HypercallResult"/>, or what the call says). Frames and addresses of tables are guest-physical, pointers guest-linear.
/// </summary>
public enum Hypercall : uint
{
    /// <summary>EBX: page that holds the GDT from now on, ECX: its limit. The page stays read-only.</summary>
    SetGdt = 1,

    /// <summary>EBX: guest-physical address of an entry in the GDT, ECX and EDX: its new low and high half.</summary>
    UpdateDescriptor,

    /// <summary>EBX: pointer to <see cref="ParavirtInterface.TrapEntryBytes"/> bytes for each vector, ECX: how many.</summary>
    SetTraps,

    /// <summary>EBX: SS, ECX: ESP that an entry from ring 3 into the kernel loads.</summary>
    SwitchStack,

    /// <summary>EBX: pointer to the I/O permission bitmap (SDM Vol. 1, 18.5.2), ECX: its bytes; it is read now.</summary>
    SetPortMap,

    /// <summary>EBX: page of the flags that kernel and monitor share.</summary>
    SetShared,

    /// <summary>
    /// IRETD with the frame on the kernel's stack, EAX pushed above it. Where an IRETD faults, so does this: at PUSH EAX, with EAX and ESP as they were before, as long as the code is
    /// <see cref="ParavirtInterface.InterruptReturnBytes"/> long. A frame that cannot be read is a #PF.
    /// </summary>
    InterruptReturn,

    /// <summary>HLT; EBX: 1 to accept interrupts from now on.</summary>
    Block,

    /// <summary>Delivers what is pending.</summary>
    Deliver,

    /// <summary>EBX: port, in bits 16 to 18 the size in bytes, ECX: EAX before the IN. Result: EAX after it.</summary>
    PortIn,

    /// <summary>EBX as for <see cref="PortIn"/>, ECX: the value.</summary>
    PortOut,

    /// <summary>EBX: pointer to pairs of doublewords (guest-physical address of an entry, entry), ECX: how many pairs.</summary>
    UpdateEntries,

    /// <summary>EBX: linear address, ECX: its page-table entry in the tables in use.</summary>
    UpdateMapping,

    /// <summary>EBX: page that is a page directory from now on, and stays read-only.</summary>
    Pin,

    /// <summary>EBX: page that need not be a page directory any more.</summary>
    Unpin,

    /// <summary>EBX: page directory to load into CR3.</summary>
    LoadDirectory,

    /// <summary>EBX: linear address to invalidate.</summary>
    Invalidate,

    /// <summary>EBX: pointer to calls of four doublewords (number, EBX, ECX, EDX), ECX: how many. Ends with the first that fails.</summary>
    Multicall,

    /// <summary>
    /// EBX: page of the ring of requests to the block device, 0 for none; ECX: vector at which the kernel wants to hear of responses. From then on they come as
    /// <see cref="ParavirtInterface.RingEvent"/> in the shared page and an entry at that vector, without interrupt controller and acknowledgement.
    /// </summary>
    SetRing,

    /// <summary>There are requests in the ring.</summary>
    NotifyRing,
}

/// <summary>What a hypercall answers; as signed doublewords.</summary>
public static class HypercallResult
{
    public const int Done = 0;

    /// <summary>It would give the guest what is not its own, or what the monitor has to keep unchanged.</summary>
    public const int NotPermitted = -1;

    /// <summary>A pointer that the kernel itself could not use.</summary>
    public const int BadPointer = -14;

    public const int BadArgument = -22;

    public const int NoSuchCall = -38;
}

/// <summary>Constants of the interface between a paravirtualized kernel and its monitor.</summary>
public static class ParavirtInterface
{
    public const byte Vector = 0x82;

    /// <summary>PUSH EAX, MOV EAX, <see cref="Hypercall.InterruptReturn"/>, and INT.</summary>
    public const int InterruptReturnBytes = 8;

    /// <summary>Ring of the guest's kernel.</summary>
    public const int KernelRing = 1;

    /// <summary>The page of the GDT has room for so many bytes; the monitor's own descriptors follow in the next page.</summary>
    public const uint GdtBytes = 0x1000;

    /// <summary>Linear addresses from here up are the monitor's; segments have to end below.</summary>
    public const uint MonitorStart = 0xFFC00000;

    /// <summary>A vector, <see cref="TrapMasks"/> and other flags, a selector (word) and an offset (doubleword).</summary>
    public const int TrapEntryBytes = 8;

    /// <summary>Flags of a trap entry: the DPL, ...</summary>
    public const byte TrapDpl = 3;

    /// <summary>... interrupts are masked at its entry, ...</summary>
    public const byte TrapMasks = 4;

    /// <summary>
    /// ... and from ring 3 it is entered without the monitor, which then masks nothing. So it is from the kernel itself, whose INT n would push the processor's IF, 1, in place of its own.
    /// </summary>
    public const byte TrapDirect = 8;

    /// <summary>Offsets in the shared page: a byte, 1 where the kernel accepts no interrupts, ...</summary>
    public const uint Masked = 0;

    /// <summary>... a byte, 1 where one waits, ...</summary>
    public const uint Pending = 1;

    /// <summary>... a byte, 1 where the ring has responses, which the kernel clears before it looks, ...</summary>
    public const uint RingEvent = 2;

    /// <summary>... CR2 ...</summary>
    public const uint Cr2 = 4;

    /// <summary>... and the guest-physical address of the page directory in use.</summary>
    public const uint Cr3 = 8;

    /// <summary>Items that one call may name: a longer one is refused, so that no guest holds the monitor.</summary>
    public const uint MaximumBatch = 1024;

    /// <summary>
    /// Items and checked entries of page tables after which a call begins no further item, batches within batches counted together: it ends with
    /// <see cref="HypercallResult.BadArgument"/>, and what it has done so far stays done. An item is never cut short: the most that one can be is a <see cref="Hypercall.LoadDirectory"/>
    /// in which a directory with 1,022 tables takes the place of another, two million entries.
    /// </summary>
    public const int MaximumWork = 1 << 18;
}
