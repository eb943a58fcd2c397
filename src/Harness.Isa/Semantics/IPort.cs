namespace Harness.Isa;

/// <summary>Control, debug and model-specific registers, by their names in the manual.</summary>
public struct SystemRegisters
{
    public uint Cr0;
    public uint Cr2;
    public uint Cr3;
    public uint Cr4;
    public uint Dr0;
    public uint Dr1;
    public uint Dr2;
    public uint Dr3;
    public uint Dr6;
    public uint Dr7;
    public ulong Efer;
    public uint SysenterCs;
    public uint SysenterEsp;
    public uint SysenterEip;

    /// <summary>The PDPTE registers that a load of CR3 fills under PAE paging (SDM Vol. 3A, 4.4.1).</summary>
    public ulong Pdpte0;
    public ulong Pdpte1;
    public ulong Pdpte2;
    public ulong Pdpte3;
}

/// <summary>Where a VMM may take control from an instruction or event; VT-x and AMD-V map these to their exit reasons.</summary>
public enum InterceptKind : byte
{
    Cpuid,
    Hlt,
    Invd,
    Wbinvd,
    Invlpg,
    Rdpmc,
    Rdtsc,
    Rdmsr,
    Wrmsr,
    ControlRead,
    ControlWrite,
    Clts,
    Lmsw,
    Smsw,
    DebugRegister,
    Io,
    Pause,
    Mwait,
    Monitor,
    DescriptorTableStore,
    DescriptorTableLoad,
    TaskSwitch,
    Iret,
    SoftwareInterrupt,
    PushFlags,
    PopFlags,
    Rsm,
}

/// <summary>
/// All that system semantics may see and touch. The machine implements it over its processor state; tests implement it over a few cells.
/// Reads and writes of memory inside one instruction are atomic: writes are held back until the instruction, or <see cref="Commit"/>, completes it, and
/// registers changed by an instruction that returns false are restored.
/// </summary>
public interface IPort
{
    /// <summary>The 32-bit general register with this number in the encoding: EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    ref uint Gpr(int number);

    /// <summary>Offset of the next instruction; a transfer of control sets it. It holds the fall-through address when the instruction starts.</summary>
    ref uint Eip { get; }

    /// <summary>Offset of the instruction itself, which a fault pushes.</summary>
    uint InstructionEip { get; }

    /// <summary>All of EFLAGS, bit 1 set. Setting it takes every defined bit as it is: the caller has decided what may change.</summary>
    uint Flags { get; set; }

    /// <summary>EFLAGS without the six status flags, bit 1 set; setting it leaves the status flags alone. Cheaper than <see cref="Flags"/>.</summary>
    uint NonStatusFlags { get; set; }

    /// <summary>The six status flags, for string comparisons.</summary>
    ref LazyFlags StatusFlags { get; }

    /// <summary>Current privilege level, 0 to 3; 3 in virtual-8086 mode, 0 in real-address mode.</summary>
    int Cpl { get; set; }

    ref readonly SegmentRegister Segment(SegmentName name);

    /// <summary>The register to be changed. What it was is kept first, for an instruction that fails; so with the other Change methods.</summary>
    ref SegmentRegister Change(SegmentName name);
    ref readonly DescriptorTableRegister Gdtr { get; }
    ref readonly DescriptorTableRegister Idtr { get; }
    ref DescriptorTableRegister ChangeGdtr();
    ref DescriptorTableRegister ChangeIdtr();
    ref readonly SystemRegisters System { get; }
    ref SystemRegisters ChangeSystem();

    /// <summary>Whether the processor model has the feature.</summary>
    bool Has(Feature feature);

    /// <summary>The bits of EFLAGS that the processor model has.</summary>
    uint DefinedFlags { get; }

    /// <summary>Data read at the current CPL; #GP(0), or #SS(0) through SS, on a limit or type violation, #PF, #AC.</summary>
    bool Read<T>(SegmentName segment, uint offset, out T value) where T : unmanaged;

    /// <summary>Data write at the current CPL; faults as <see cref="Read"/>.</summary>
    bool Write<T>(SegmentName segment, uint offset, T value) where T : unmanaged;

    /// <summary>
    /// Where <paramref name="size"/> bytes of data lie that can be read in place, because nothing can fault. A null reference: they have to be read one by one.
    /// </summary>
    ref readonly uint TryLocate(SegmentName segment, uint offset, int size) => ref Unsafe.NullRef<uint>();

    /// <summary>Records the fault that an access of <paramref name="size"/> bytes would raise; nothing is read or written.</summary>
    bool Probe(SegmentName segment, uint offset, uint size, bool write);

    /// <summary>Supervisor read at a linear address: descriptor tables and task-state segments.</summary>
    bool ReadSystem<T>(uint linear, out T value) where T : unmanaged;

    /// <summary>Supervisor write at a linear address.</summary>
    bool WriteSystem<T>(uint linear, T value) where T : unmanaged;

    /// <summary>Read at a physical address (a guest-physical one in a guest): the PDPTEs of PAE paging. False: a monitor took control.</summary>
    bool ReadPhysical(ulong address, out ulong value);

    /// <summary>
    /// Read through a segment that is not loaded yet, at <paramref name="cpl"/>: the stack that a transfer switches to. Beyond its limit it is
    /// #SS(<paramref name="errorCode"/>).
    /// </summary>
    bool ReadStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, out T value) where T : unmanaged;

    /// <summary>Write counterpart of <see cref="ReadStack"/>.</summary>
    bool WriteStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, T value) where T : unmanaged;

    /// <summary>
    /// Where <see cref="WriteStack"/> of <paramref name="size"/> bytes would write, if that cannot fault and may be done in place once the instruction cannot
    /// fail any more. A null reference: they have to be written one by one.
    /// </summary>
    ref uint TryLocateStack(scoped in SegmentRegister stack, uint offset, int cpl, int size) => ref Unsafe.NullRef<uint>();

    /// <summary>What is known of the segment that was last loaded in a role.</summary>
    ref SegmentMemo Memo(SegmentRole role);

    /// <summary>Whether a supervisor access to this range would fault; used where the manual wants a check before any effect.</summary>
    bool ProbeSystem(uint linear, uint size, bool write);

    /// <summary>Effective address of the memory operand, wrapped to its address size, and its segment after overrides.</summary>
    uint EffectiveAddress(in Instruction instruction, out SegmentName segment);

    /// <summary>
    /// Records a fault; always false, so that semantics can return it. The error code counts only where the vector has one; with #DB it is the bits
    /// that DR6 gets.
    /// </summary>
    bool Fault(Vector vector, uint errorCode = 0);

    /// <summary>
    /// Asks the hardware's monitor, if one is active. True: control went to it, and the instruction returns false at once.
    /// <paramref name="qualifier"/> and <paramref name="value"/> are given per kind by <see cref="Intercepts"/>.
    /// </summary>
    bool Intercepted(InterceptKind kind, uint qualifier = 0, uint value = 0);

    /// <summary>Whether <see cref="Intercepted"/> can ever be true now: lets hot instructions skip it.</summary>
    bool IsGuest { get; }

    /// <summary>CR0, CR2, CR3, CR4 or CR8 as MOV and SMSW see it: a monitor's read shadow may replace bits.</summary>
    uint ReadControl(int number);

    /// <summary>The value that a write of CR0 or CR4 really stores: bits that a monitor owns keep their value.</summary>
    uint FilterControlWrite(int number, uint value);

    /// <summary>Whether the state of virtualization lets CR0 or CR4 take this value: VMX operation fixes bits (SDM Vol. 3C, 23.8). False is #GP(0).</summary>
    bool AllowsControl(int number, uint value);

    /// <summary>Port input of 1, 2 or 4 bytes; permission has been checked. The port never faults.</summary>
    uint In(ushort port, int size);
    void Out(ushort port, int size, uint value);

    /// <summary>False: no such MSR, or a reserved bit; the instruction raises #GP(0).</summary>
    bool ReadMsr(uint number, out ulong value);
    bool WriteMsr(uint number, ulong value);

    /// <summary>The time-stamp counter as RDTSC sees it.</summary>
    ulong TimeStamp { get; }

    /// <summary>EAX, EBX, ECX, EDX of CPUID.</summary>
    (uint Eax, uint Ebx, uint Ecx, uint Edx) Cpuid(uint leaf, uint subleaf);

    /// <summary>PG, PE, PSE, PAE, PGE, WP, SMEP, CR3 or EFER changed: drops cached translations; <paramref name="global"/> says whether global ones too.</summary>
    void FlushTlb(bool global);
    void InvalidatePage(uint linear);

    /// <summary>This instruction takes as long as the model says (PAUSE).</summary>
    void Pause();

    /// <summary>Waits for an interrupt after this instruction (HLT).</summary>
    void Halt();

    /// <summary>No interrupt at the next boundary (STI); with <paramref name="all"/> no debug trap and no NMI either (MOV SS, POP SS).</summary>
    void InhibitInterrupts(bool all);

    /// <summary>A #DB trap after this instruction, with these bits of DR6 (task switches with the T flag).</summary>
    void PendDebugTrap(uint dr6);

    /// <summary>NMIs are blocked until the next IRET (true) or no longer (false).</summary>
    void BlockNmi(bool blocked);

    /// <summary>
    /// What has been done so far stays even if the instruction faults from here on, and such a fault pushes the <see cref="Eip"/> of now: the commit point
    /// of a task switch, each step of which stays even if the next one faults (SDM Vol. 3A, 7.3). False: nothing has been done, and the instruction is started
    /// again.
    /// </summary>
    bool Commit();

    /// <summary>From here until the instruction or delivery ends, its faults arise in entering the handler of this event.</summary>
    void Delivering(byte vector, EventKind kind, uint? errorCode)
    {
    }
}

/// <summary>What <see cref="IPort.Intercepted"/> is told, per kind.</summary>
/// <remarks>
/// ControlRead, ControlWrite, DebugRegister: qualifier = register number | general register number &lt;&lt; 8 | (DebugRegister only) direction in bit 4, 1 = from DR;
/// value = the value written. Lmsw: qualifier = 1 for a memory operand, value = the 16-bit source. Io: qualifier in the layout of the exit qualification
/// (SDM Vol. 3C, Table 27-5), value = the data or, for string forms, the offset. TaskSwitch: qualifier = selector | source &lt;&lt; 30 (0 CALL, 1 IRET, 2 JMP,
/// 3 gate) | <see cref="ErrorCodePending"/>, value = that error code. Rdmsr, Wrmsr: value = ECX. Invlpg: value = linear address. SoftwareInterrupt:
/// value = vector, qualifier = its type as in the VM-exit interruption information (SDM Vol. 3C, Table 24-15): 4 INT n, 5 INT1, 6 INT3 and INTO.
/// DescriptorTableStore, DescriptorTableLoad: qualifier = 0 GDTR, 1 IDTR, 2 LDTR, 3 TR.
/// </remarks>
public static class Intercepts
{
    /// <summary>TaskSwitch: the event that goes through the task gate has an error code.</summary>
    public const uint ErrorCodePending = 1 << 16;

    public static uint Register(int control, int general, bool from = false) => (uint)(control | general << 8 | (from ? 0x10 : 0));
}
