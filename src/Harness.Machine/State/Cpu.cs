namespace Harness.Machine;

/// <summary>What the processor does between instructions (SDM Vol. 3C, 24.4.2).</summary>
public enum Activity : byte
{
    Active,
    Halted,

    /// <summary>After a triple fault; only a reset ends it.</summary>
    Shutdown,
}

/// <summary>
/// The architectural state. General registers lie 8 bytes apart, so that 64-bit forms can share them; in the 32-bit modes the upper halves are zero.
/// </summary>
public unsafe struct CpuState
{
    /// <summary>Index of a register that is always zero: an absent base or index.</summary>
    public const int ZeroRegister = 16;

    public fixed ulong Registers[ZeroRegister + 1];
    public LazyFlags Status;

    /// <summary>EFLAGS without the status flags, bit 1 set.</summary>
    public uint OtherFlags;

    /// <summary>Exact between instructions and in system instructions, where it is the next instruction's; handlers of a block carry their own.</summary>
    public uint Eip;
    public int Cpl;

    /// <summary>Bits of DR6 for a #DB that waits for the next boundary.</summary>
    public uint PendingDebug;

    /// <summary>No interrupt before the next instruction has run.</summary>
    public Shadow Shadow;
    public Activity Activity;
    public bool NmiBlocked;
    public SegmentRegister Es, Cs, Ss, Ds, Fs, Gs, Ldtr, Tr;
    public DescriptorTableRegister Gdtr, Idtr;
    public SystemRegisters System;

    /// <summary>
    /// Copies all that comes before the segment registers: what any system instruction may change without telling. Part by part, each as wide as it is written:
    /// a wider load of what has just been stored would wait until the stores are done.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void CopyCommon(ref CpuState to)
    {
        CopyRegister(ref to, 0);
        CopyRegister(ref to, 1);
        CopyRegister(ref to, 2);
        CopyRegister(ref to, 3);
        CopyRegister(ref to, 4);
        CopyRegister(ref to, 5);
        CopyRegister(ref to, 6);
        CopyRegister(ref to, 7);
        Status.CopyTo(ref to.Status);
        to.OtherFlags = OtherFlags;
        to.Eip = Eip;
        to.Cpl = Cpl;
        to.PendingDebug = PendingDebug;
        to.Shadow = Shadow;
        to.Activity = Activity;
        to.NmiBlocked = NmiBlocked;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void CopyRegister(ref CpuState to, int number) =>
        Unsafe.As<ulong, uint>(ref to.Registers[number]) = Unsafe.As<ulong, uint>(ref Unsafe.AsRef(in Registers[number]));
}

/// <summary>Blocking of events for one instruction (SDM Vol. 3C, Table 24-3).</summary>
public enum Shadow : byte
{
    None,
    Sti,
    MovSs,
}

/// <summary>Why handlers handed control back to the run loop.</summary>
public enum Exit : byte
{
    /// <summary>The next block is wanted; Eip is exact.</summary>
    Resolve,

    /// <summary>A fault stands in <see cref="Cpu.Fault"/>; Eip is the faulting instruction's.</summary>
    Fault,

    /// <summary>A monitor took control through the intercept port, which has changed the state already.</summary>
    Intercepted,

    /// <summary>The instruction touches a device: it has to run alone, so that the device sees the exact tick.</summary>
    RunAlone,
}

/// <summary>A fault as instructions record it.</summary>
public readonly record struct Fault(Vector Vector, uint ErrorCode)
{
    /// <summary>#PF: the linear address, which CR2 gets when the fault is delivered.</summary>
    public uint Address { get; init; }
}

/// <summary>An event whose handler is being entered; the error code is null where none is pushed.</summary>
public readonly record struct EventInDelivery(byte Vector, EventKind Kind, uint? ErrorCode);

/// <summary>What the run loop must look at before the next instruction.</summary>
[Flags]
public enum Attention : uint
{
    None = 0,

    /// <summary>Interrupt lines, IF, shadows or the activity state may have changed.</summary>
    Events = 1,

    /// <summary>Somebody outside asked the run to end at the next boundary.</summary>
    Stop = 4,
}

/// <summary>
/// A translation as the processor caches it, until it is invalidated or another page takes its place. Whether a run is observed, or code was decoded, must not
/// decide when the page tables are read again: that is why the tags of <see cref="TlbEntry"/> are derived from it and may come and go.
/// </summary>
public struct Translation
{
    /// <summary>Linear page, or <see cref="TlbEntry.Invalid"/>.</summary>
    public uint Page;
    public uint Frame;

    /// <summary>RW and US of all levels, D, G and PS of the last, and <see cref="ExecuteDisable"/>.</summary>
    public uint Rights;

    public const uint ExecuteDisable = 1u << 31;
}

/// <summary>A way past the page walk. Tags are page addresses; an invalid one has a low bit set, so that it equals no page.</summary>
public struct TlbEntry
{
    public const uint Invalid = 1;
    public const int Count = 1024;

    public uint ReadTag;
    public uint WriteTag;

    /// <summary>Host address minus linear address.</summary>
    public nint Addend;
}

/// <summary>A memory write that a system instruction has made but not completed.</summary>
public unsafe struct HeldWrite
{
    /// <summary>Where the TLB says that the page may be written in place; null: at <see cref="Physical"/>, with all that a store entails.</summary>
    public byte* Host;
    public ulong Value;
    public uint Physical;
    public uint Linear;
    public int Size;

    /// <summary>The processor's own access to a descriptor table or task-state segment.</summary>
    public bool IsSystem;
}

/// <summary>Processor state in native memory, so that handlers and compiled code reach it through one pointer.</summary>
public unsafe struct Cpu
{
    public const int MaximumHeldWrites = 64;
    public const int UsedWords = TlbEntry.Count / 64;
    private const int Segments = 8;
    private const uint SystemKept = 1u << Segments;

    public CpuState State;

    /// <summary>Guest clock. Exact whenever handlers have left; within a block it lacks the instructions since the block's start.</summary>
    public long Ticks;

    /// <summary>A block may follow another without asking while Ticks is below this.</summary>
    public long ChainLimit;

    /// <summary>REP stops at this tick.</summary>
    public long Deadline;

    /// <summary>The table of the current privilege level.</summary>
    public TlbEntry* Tlb;
    public TlbEntry* SupervisorTlb;
    public TlbEntry* UserTlb;

    /// <summary>What data accesses and fetches found in the page tables, <see cref="TlbEntry.Count"/> each.</summary>
    public Translation* DataTranslations;
    public Translation* CodeTranslations;

    /// <summary>A bit for each index at which one of these tables may hold something: flushes are frequent and most of them find little.</summary>
    public fixed ulong Used[UsedWords];

    /// <summary>There may be several translations for one page of 2 or 4 MiB.</summary>
    public bool CachesLargePages;

    /// <summary>Where the block that was just left wants the address of its successor; null if it has no place for it.</summary>
    public Op** Link;

    /// <summary>Offset of the instruction that <see cref="Link"/> belongs to.</summary>
    public uint LinkEip;
    public Exit Exit;
    public Fault Fault;

    /// <summary>What a system instruction that fails is restored to; of segment and system registers, those that <see cref="Kept"/> names.</summary>
    public CpuState Saved;

    /// <summary>Which parts of the state <see cref="Saved"/> holds beside the common one: a bit for each segment register, then one for all system registers.</summary>
    public uint Kept;

    /// <summary>By <see cref="SegmentRole"/>, in its order.</summary>
    public SegmentMemo HandlerCode, HandlerStack, ReturnCode, ReturnStack;

    /// <summary>How often instructions with a counter ran (<see cref="CodeMark"/>).</summary>
    public fixed long Counts[CodeMark.Counters];

    /// <summary>Instructions of the block before the system instruction that is executing: they are not in <see cref="Ticks"/> yet.</summary>
    public int Position;

    /// <summary>The shadow in force while the current instruction executes.</summary>
    public Shadow ActiveShadow;

    /// <summary>Offset of the system instruction that is executing.</summary>
    public uint InstructionEip;

    /// <summary>The system or string instruction that was last begun.</summary>
    public Op* Executing;
    public Attention Attention;

    /// <summary>Instructions run one at a time: devices may be touched.</summary>
    public bool Alone;

    /// <summary>A system instruction is executing: its writes are held back.</summary>
    public bool Holding;
    public int HeldCount;

    /// <summary>No write tags: every write is reported to the recorder of effects.</summary>
    public bool Recording;

    /// <summary>Data breakpoints are armed: no tags at all.</summary>
    public bool Watching;

    /// <summary>CR0.AM and EFLAGS.AC: no tags in the user's table.</summary>
    public bool CheckingAlignment;

    /// <summary>An access to a descriptor table or a task-state segment, which is the supervisor's at every CPL.</summary>
    public bool IsImplicitAccess;

    /// <summary>VMX non-root or SVM guest operation: instructions ask the intercept port.</summary>
    public bool IsGuest;

    /// <summary>An access that crosses a page, or touches a device, goes through this buffer; the parts are where it belongs.</summary>
    public ulong Split;
    public SplitPart SplitLow;
    public SplitPart SplitHigh;

    /// <summary>Handle of the <see cref="Processor"/>.</summary>
    public nint Self;
    public HeldWrite* Held;

    /// <summary>The bits of EFLAGS that the model has.</summary>
    public uint DefinedFlags;

    public uint Flags
    {
        readonly get => State.Status.Status | State.OtherFlags;
        set
        {
            State.Status.SetStatus(value & Eflags.Status);
            State.OtherFlags = (value & Eflags.Defined & ~Eflags.Status) | Eflags.Fixed;
        }
    }

    /// <summary>Keeps what <see cref="Restore"/> needs: the common part now, the others when they are about to change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Keep()
    {
        State.CopyCommon(ref Saved);
        Kept = 0;
    }

    /// <summary>Call before a system instruction changes a segment register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void KeepSegment(int number)
    {
        if ((Kept & 1u << number) == 0)
        {
            Kept |= 1u << number;
            Unsafe.Add(ref Saved.Es, number) = Unsafe.Add(ref State.Es, number);
        }
    }

    /// <summary>Call before a system instruction changes GDTR, IDTR or one of <see cref="SystemRegisters"/>.</summary>
    public void KeepSystem()
    {
        if ((Kept & SystemKept) == 0)
        {
            Kept |= SystemKept;
            Saved.Gdtr = State.Gdtr;
            Saved.Idtr = State.Idtr;
            Saved.System = State.System;
        }
    }

    /// <summary>Call before an instruction that may change anything.</summary>
    public void KeepAll()
    {
        for (int number = 0; number < Segments; number++)
        {
            KeepSegment(number);
        }

        KeepSystem();
    }

    /// <summary>Back to where <see cref="Keep"/> was called.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Restore() => Undo(ref State);

    /// <summary>The state where <see cref="Keep"/> was called.</summary>
    public readonly CpuState Before()
    {
        CpuState before = State;
        Undo(ref before);
        return before;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Undo(ref CpuState state)
    {
        Saved.CopyCommon(ref state);
        for (int number = 0; number < Segments && Kept != 0; number++)
        {
            if ((Kept & 1u << number) != 0)
            {
                Unsafe.Add(ref state.Es, number) = Unsafe.Add(ref Unsafe.AsRef(in Saved.Es), number);
            }
        }

        if ((Kept & SystemKept) != 0)
        {
            state.Gdtr = Saved.Gdtr;
            state.Idtr = Saved.Idtr;
            state.System = Saved.System;
        }
    }

    /// <summary>Call where <see cref="CpuState.Cpl"/> has changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SelectTlb() => Tlb = State.Cpl == 3 ? UserTlb : SupervisorTlb;
}

/// <summary>One page's part of an access.</summary>
public unsafe struct SplitPart
{
    /// <summary>Null: the part belongs to a device.</summary>
    public byte* Host;
    public uint Physical;
    public uint Linear;
    public int Size;
}

/// <summary>Byte offsets of fields of <see cref="Cpu"/> that decoded operands name.</summary>
internal static unsafe class CpuLayout
{
    /// <summary>Of ES, the first of the segment registers.</summary>
    public static readonly int Segments = FindSegments();

    private static int FindSegments()
    {
        Cpu cpu;
        return (int)((byte*)&cpu.State.Es - (byte*)&cpu);
    }
}
