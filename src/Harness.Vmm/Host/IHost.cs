namespace Harness.Vmm;

/// <summary>The host's memory, as a monitor in ring 0 with an identity map of all of it sees it.</summary>
public interface IHostMemory
{
    /// <summary>Bytes of host memory that exist.</summary>
    long Length { get; }

    void Read(HostPhysicalAddress address, Span<byte> data);

    void Write(HostPhysicalAddress address, ReadOnlySpan<byte> data);

    uint ReadUInt32(HostPhysicalAddress address);

    void WriteUInt32(HostPhysicalAddress address, uint value);

    ulong ReadUInt64(HostPhysicalAddress address);

    void WriteUInt64(HostPhysicalAddress address, ulong value);
}

/// <summary>How a run of the guest came back to the monitor.</summary>
public enum HostReturn
{
    /// <summary>An exception or interrupt arrived; the trap frame is filled.</summary>
    Trap,

    /// <summary>A VM exit arrived at HOST_RIP; the VMCS tells the rest.</summary>
    Exit,

    /// <summary>The run is over for a reason outside the guest: its limit, or a stop from outside.</summary>
    Ended,
}

/// <summary>
/// The processor as a monitor that plays ring-0 code may use it: what its privileged instructions do and what traps show. The guest's hidden descriptor parts
/// and the guest clock are not here.
/// </summary>
public interface IHost
{
    IHostMemory Memory { get; }

    /// <summary>Whether the physical processor has the feature (CPUID, which a monitor can execute).</summary>
    bool Has(Feature feature);

    uint Cr0 { get; set; }

    uint Cr2 { get; set; }

    uint Cr3 { get; set; }

    uint Cr4 { get; set; }

    /// <summary>DR0 to DR3, DR6, DR7 by number.</summary>
    uint ReadDebug(int number);

    void WriteDebug(int number, uint value);

    /// <summary>False: #GP(0), as RDMSR would raise.</summary>
    bool ReadMsr(uint number, out ulong value);

    bool WriteMsr(uint number, ulong value);

    void LoadGdt(LinearAddress @base, ushort limit);

    void LoadIdt(LinearAddress @base, ushort limit);

    /// <summary>LLDT. The monitor loads only what it has built itself: a fault is a defect of the monitor, and throws.</summary>
    void LoadLdt(ushort selector);

    /// <summary>LTR, as <see cref="LoadLdt"/>.</summary>
    void LoadTask(ushort selector);

    void InvalidatePage(LinearAddress address);

    /// <summary>
    /// The ring-0 environment that a trap enters: code and stack selectors of the monitor, and where the C# monitor lies; gate v of its IDT points to
    /// <paramref name="entry"/> + v.
    /// </summary>
    void SetEntry(ushort codeSelector, ushort stackSelector, LinearAddress entry);

    /// <summary>
    /// Loads the general registers and, by MOV, the data segment registers, writes the frame to the monitor's stack and executes IRET; then the guest runs
    /// until something comes back. A segment that does not load leaves the guest untouched and comes back as the trap that it is, with
    /// <paramref name="frame"/> unchanged but for vector and error code, and <see cref="ResumeFault"/> set. After <see cref="HostReturn.Ended"/> the next call
    /// goes on in the guest where it was, and does not look at the frame.
    /// </summary>
    HostReturn Resume(TrapFrame frame);

    /// <summary>The last trap arose in the monitor's own segment loads or IRET, not in the guest.</summary>
    bool ResumeFault { get; }

    /// <summary>The processor's virtualization hardware, which its own instructions drive; null: it has none.</summary>
    IInterceptUnit? Virtualization { get; }

    /// <summary>
    /// Loads the general registers but ESP, has <paramref name="entry"/> execute the instruction that enters the guest, and lets the guest run until a VM exit
    /// has loaded the host's state, whose entry point is that of <see cref="SetEntry"/>; then <paramref name="registers"/> are the guest's. After
    /// <see cref="HostReturn.Ended"/> the next call goes on in the guest where it was.
    /// </summary>
    HostReturn Enter(Span<uint> registers, Action entry);

    /// <summary>Asks for a host interrupt (<see cref="HostInterruptVector"/>) at a tick of the guest clock; <see cref="long.MaxValue"/> for none.</summary>
    void InterruptAt(long tick);

    /// <summary>
    /// Makes the block device with a ring the guest's own: it answers the host's ports too, so that a guest that may use them drives it without the monitor, works without
    /// the monitor, and arrives as a host interrupt when it raises its line. What it reaches of memory is remapped (<see cref="Emulator.DeviceWrites"/>). A report of a
    /// write arrives as a host interrupt too.
    /// </summary>
    void DedicateRing();

    /// <summary>The vector of the interrupt that <see cref="InterruptAt"/> asks for.</summary>
    byte HostInterruptVector { get; }

    /// <summary>
    /// Tells the harness what of the code from an address on a translator has written, and what of it the guest's clock counts: with a mark for each byte at which an
    /// instruction begins (<see cref="CodeMark"/>). The clock is the harness's, so the processor has to know. A mark changes before its code is written.
    /// </summary>
    void SetCodeMarks(LinearAddress start, byte[] marks);

    /// <summary>How often marked instructions ran that have the counter; the processor counts them as its performance counters would.</summary>
    long CodeCount(int counter);

    /// <summary>
    /// An instruction of the guest has been emulated, or an event delivered to it by the monitor: the clock moves. The emulator counts for itself.
    /// </summary>
    void CountTicks(long ticks);
}
