using Harness.Machine.Shapes;

namespace Harness.Machine;

/// <summary>
/// One processor: architectural state, decoded code and caches over a physical address space and a bus. Guest events are values: no guest can make it throw.
/// </summary>
public sealed unsafe partial class Processor : IDisposable
{
    private readonly Cpu* _cpu;
    private readonly Blocks _blocks;
    private readonly GCHandle _handle;
    private readonly List<IMsrUnit> _msrUnits = [];
    private readonly List<ReplacedTranslation> _replaced = [];
    private readonly List<MarkedEntry> _marked = [];
    private readonly ulong[] _msrs;
    private readonly IProcessorBus _bus;
    private long _haltedTicks;
    private ulong _timeStampBase;
    private long _limit;
    private long _horizon;
    private bool _aloneOnce;
    private uint _heldDebug;
    private bool _reportStores;
    private uint _sentinelStart = 1;
    private uint _sentinelLength;
    private byte[] _marks = [];
    private uint _marksStart;
    private IExecutionObserver? _observer;
    private bool _isDelivering;
    private byte _deliveredVector;
    private EventKind _deliveredKind;
    private uint? _deliveredError;

    /// <summary>A processor after reset; the caller keeps the memory and the bus alive.</summary>
    public Processor(ProcessorModel model, PhysicalMemory memory, IProcessorBus bus)
    {
        Model = model;
        Memory = memory;
        _bus = bus;
        _msrs = [.. model.Msrs.Select(m => m.Reset)];
        _cpu = (Cpu*)NativeMemory.AlignedAlloc((nuint)sizeof(Cpu), 64);
        *_cpu = default;
        _handle = GCHandle.Alloc(this, GCHandleType.Weak);
        _cpu->Self = GCHandle.ToIntPtr(_handle);
        _cpu->SupervisorTlb = (TlbEntry*)NativeMemory.AlignedAlloc(2 * TlbEntry.Count * (nuint)sizeof(TlbEntry), 64);
        _cpu->UserTlb = _cpu->SupervisorTlb + TlbEntry.Count;
        _cpu->DataTranslations = (Translation*)NativeMemory.AlignedAlloc(2 * TlbEntry.Count * (nuint)sizeof(Translation), 64);
        _cpu->CodeTranslations = _cpu->DataTranslations + TlbEntry.Count;
        Paging.Clear(_cpu);
        _cpu->Held = (HeldWrite*)NativeMemory.Alloc(Cpu.MaximumHeldWrites, (nuint)sizeof(HeldWrite));
        _cpu->DefinedFlags = Mode.DefinedFlags(model.Has);
        _blocks = new Blocks(this, _cpu);
        memory.Attach(this);
        memory.Ram.Attach(_blocks);
        foreach (IProcessorExtension extension in model.Extensions)
        {
            extension.Attach(this);
        }

        Reset();
    }

    ~Processor() => Free();

    public ProcessorModel Model { get; }

    public PhysicalMemory Memory { get; }

    /// <summary>Virtualization hardware, if the model has it.</summary>
    public IInterceptUnit? Intercepts { get; set; }

    public IProcessorEvents? Events { get; set; }

    /// <summary>
    /// Told of every store that does not go through the TLB's fast path; with an <see cref="Observer"/> or <see cref="ReportStores"/>, of every store. Address, size.
    /// </summary>
    public event Action<PhysicalAddress, int>? StoreSeen;

    /// <summary>Sees every instruction while it is set.</summary>
    public IExecutionObserver? Observer
    {
        get => _observer;
        set
        {
            _observer = value;
            _cpu->Recording = _reportStores || value is not null;
            Paging.FlushTags(_cpu);
        }
    }

    /// <summary>Takes the fast path away from stores, so that each is reported to <see cref="StoreSeen"/>.</summary>
    public bool ReportStores
    {
        get => _reportStores;
        set
        {
            _reportStores = value;
            _cpu->Recording = value || _observer is not null;
            Paging.FlushTags(_cpu);
        }
    }

    /// <summary>
    /// What a delivery outside guest operation adds to the clock: 1, or 0 where it leads to a monitor. In guest operation the guest sees it: always 1.
    /// </summary>
    public int TicksPerDelivery { get; set; } = 1;

    /// <summary>Base of CS when the instruction that an <see cref="Observer"/> is told of began: a far transfer has loaded the next one's.</summary>
    public uint StepCodeBase { get; private set; }

    /// <summary>The state in which the system instruction that was last begun found the processor: every sensitive instruction is one.</summary>
    public CpuState StateBefore => _cpu->Before();

    /// <summary>Exceptions and interrupts whose handler was entered, as far as they count on the clock.</summary>
    public long Deliveries { get; private set; }

    /// <summary>The guest clock.</summary>
    public long Ticks
    {
        get => _cpu->Ticks;
        set
        {
            _cpu->Ticks = value;
            _cpu->Attention |= Attention.Events;
        }
    }

    /// <summary>The tick at which the current instruction started.</summary>
    public long Now => _cpu->Ticks + _cpu->Position;

    /// <summary>Ticks that instructions took beyond the first: those of PAUSE.</summary>
    public long PausedTicks { get; private set; }

    internal void Pause()
    {
        long more = Model.PauseTicks - 1;
        _cpu->Ticks += more;
        PausedTicks += more;
    }

    /// <summary>Ticks that passed while the processor was halted; part of <see cref="Ticks"/>.</summary>
    public long HaltedTicks
    {
        get => _haltedTicks;
        set => _haltedTicks = value;
    }

    /// <summary>VMX non-root or SVM guest operation.</summary>
    public bool IsGuest
    {
        get => _cpu->IsGuest;
        set
        {
            _cpu->IsGuest = value;
            _cpu->Attention |= Attention.Events;
        }
    }

    /// <summary>The state, by reference; call <see cref="StateChanged"/> after changing it from outside.</summary>
    public ref CpuState State => ref _cpu->State;

    /// <summary>Offset of the system instruction that is executing.</summary>
    public uint InstructionEip => _cpu->InstructionEip;

    /// <summary>The system or string instruction that is executing, or was last.</summary>
    public ref readonly Instruction ExecutingInstruction => ref *_cpu->Executing->Instruction;

    /// <summary>The fault that an instruction or a delivery recorded last.</summary>
    public Fault LastFault => _cpu->Fault;

    /// <summary>The event whose handler is being entered; null outside of its delivery.</summary>
    public EventInDelivery? InDelivery => _isDelivering ? new EventInDelivery(_deliveredVector, _deliveredKind, _deliveredError) : null;

    /// <summary>The blocking of events by STI or MOV SS that holds at this boundary, or held when the instruction that is executing began.</summary>
    public Shadow Blocking => _cpu->State.Shadow != Shadow.None ? _cpu->State.Shadow : _cpu->ActiveShadow;

    /// <summary>Debug traps, as in DR6, of a MOV SS or POP SS that the instruction after it holds back, as long as that has not completed.</summary>
    public uint HeldDebug => Blocking == Shadow.MovSs ? _heldDebug : 0;

    /// <summary>What is outside the processor.</summary>
    public IProcessorBus Bus => _bus;

    /// <summary>EFLAGS, all of it.</summary>
    public uint Flags
    {
        get => _cpu->Flags;
        set
        {
            _cpu->Flags = value;
            CheckAlignmentAndWatch();
            _cpu->Attention |= Attention.Events;
        }
    }

    /// <summary>The time-stamp counter as RDTSC sees it.</summary>
    public ulong TimeStamp => (ulong)Now + _timeStampBase + (IsGuest && Intercepts is not null ? Intercepts.TimeStampOffset : 0);

    /// <summary>The port onto this processor, for semantics that a caller wants to execute on it.</summary>
    public MachinePort Port => new(_cpu);

    /// <summary>Bits 62:MAXPHYADDR of PAE entries (SDM Vol. 3A, Tables 4-9 to 4-11).</summary>
    internal ulong ReservedPhysicalBits => ((1ul << 63) - 1) & ~((1ul << Model.PhysicalAddressBits) - 1);

    /// <summary>Reads the handle's slot directly: system instructions ask often, and a handle's checks cost more than the rest of the question.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Processor Of(Cpu* cpu) => Unsafe.As<nint, Processor>(ref *(nint*)cpu->Self);

    /// <summary>The state after RESET (SDM Vol. 3A, Table 9-1).</summary>
    public void Reset()
    {
        ref CpuState state = ref _cpu->State;
        state = default;
        _timeStampBase = 0;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            Segment(name).Set(0, 0, 0xFFFF, AccessRights.RealModeData);
        }

        state.Cs.Set(0xF000, 0xFFFF0000, 0xFFFF, AccessRights.P | AccessRights.S | AccessRights.Code | AccessRights.WritableOrReadable | AccessRights.Accessed);
        state.Ldtr.Set(0, 0, 0xFFFF, AccessRights.P | SystemType.Ldt);
        state.Tr.Set(0, 0, 0xFFFF, AccessRights.P | SystemType.BusyTss32);
        state.Gdtr.Limit = state.Idtr.Limit = 0xFFFF;
        state.Eip = 0xFFF0;
        state.Registers[2] = Model.Signature;
        state.System.Cr0 = Model.Has(Feature.I486) ? Cr0.CD | Cr0.NW | Cr0.ET : Cr0.ET;
        state.System.Dr6 = DebugBits.Dr6Fixed;
        state.System.Dr7 = DebugBits.Dr7Fixed;
        _cpu->Flags = Eflags.Fixed;
        MsrWrites++;
        for (int i = 0; i < _msrs.Length; i++)
        {
            _msrs[i] = Model.Msrs[i].Reset;
        }

        _cpu->IsGuest = false;
        Intercepts?.Reset();
        StateChanged();
    }

    public ref SegmentRegister Segment(SegmentName name) => ref *(&_cpu->State.Es + (int)name);

    /// <summary>A general register by its number in the encoding.</summary>
    public ref uint Register(int number) => ref *(uint*)(_cpu->State.Registers + number);

    /// <summary>Derives everything that caches the state: translations, privilege, stepping. Call it after changing <see cref="State"/>.</summary>
    public void StateChanged()
    {
        _cpu->SelectTlb();
        _cpu->Position = 0;
        CheckAlignmentAndWatch();
        FlushTlb(global: true);
        _cpu->Attention |= Attention.Events;
    }

    /// <summary>
    /// The state was replaced whole while an instruction executed (and <see cref="StateChanged"/> called), as VM entries and VM exits do: nothing of the
    /// instruction remains to be completed or undone. Always false, so that <see cref="IMachineInstruction.Execute"/> can return it.
    /// </summary>
    public bool StateReplaced()
    {
        _cpu->Exit = Exit.Intercepted;
        _cpu->Attention |= Attention.Events;
        return false;
    }

    /// <summary>C# code lies behind these offsets: when they are reached at CPL 0, the run ends. A length of 0 ends that.</summary>
    public void SetSentinel(LinearAddress start, uint length)
    {
        _sentinelStart = start.Value;
        _sentinelLength = length;
    }

    /// <summary>
    /// From this linear address on lies code that a translator has written, with a mark for each byte at which an instruction begins (<see cref="CodeMark"/>).
    /// A mark may change as long as the code is written after it.
    /// </summary>
    public void SetCodeMarks(LinearAddress start, byte[] marks)
    {
        _marksStart = start.Value;
        _marks = marks;
    }

    /// <summary>How often instructions with the counter ran.</summary>
    public long CountOf(int counter) => _cpu->Counts[counter];

    /// <summary>Of the instruction that an <see cref="Observer"/> is told of, or whose effects it is told of.</summary>
    public byte StepMark { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte MarkAt(uint linear)
    {
        uint offset = linear - _marksStart;
        return offset < (uint)_marks.Length ? _marks[offset] : (byte)0;
    }

    /// <summary>Runs end where user mode begins: for a monitor that interprets supervisor mode alone.</summary>
    public bool StopsInUserMode { get; set; }

    /// <summary>CPL 3, and not virtual-8086 mode.</summary>
    public bool InUserMode => _cpu->State.Cpl == 3 && (_cpu->State.OtherFlags & Eflags.VM) == 0;

    /// <summary>Ends the run at the next boundary.</summary>
    public void RequestStop() => _cpu->Attention |= Attention.Stop;

    /// <summary>Ends the run at the next boundary as if its limit had come.</summary>
    public void EndRun()
    {
        _limit = _cpu->Ticks;
        _cpu->ChainLimit = 0;
        _cpu->Attention |= Attention.Events;
    }

    public void Add(IMsrUnit unit) => _msrUnits.Add(unit);

    public void Dispose()
    {
        Memory.Detach(this);
        Memory.Ram.Detach(_blocks);
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        _blocks.Free();
        _handle.Free();
        NativeMemory.Free(_cpu->Held);
        NativeMemory.AlignedFree(_cpu->DataTranslations);
        NativeMemory.AlignedFree(_cpu->SupervisorTlb);
        NativeMemory.AlignedFree(_cpu);
    }

    internal void MemoryMapChanged()
    {
        Paging.FlushTags(_cpu);
        _blocks.ForgetLookups();
    }

    internal void ForgetLookups() => _blocks.ForgetLookups();

    /// <summary>A device on the memory bus is read at the tick of the instruction.</summary>
    internal ulong Load(uint physical, int size)
    {
        _bus.SetNow(Now);
        return Memory.ReadValue(physical, size);
    }

    internal byte* HostAddress(uint physical, bool write)
    {
        physical &= Memory.AddressMask;
        int ram = write ? Memory.PageForWrites(physical) : Memory.PageForReads(physical);
        return ram < 0 ? null : (write ? Memory.Ram.PointerToWrite(ram) : Memory.Ram.Pointer(ram)) + (physical & (Ram.PageSize - 1));
    }

    internal bool HoldsCode(uint physical)
    {
        ref readonly PhysicalMemory.Page page = ref Memory.At(physical & Memory.AddressMask);
        int ram = page.WritePage == FrameMap.Away ? page.ReadPage : page.WritePage;
        return ram >= 0 && Memory.Ram.HoldsCode(ram);
    }

    /// <summary>A store that does not go through a write tag: memory or device, seen by whoever records.</summary>
    internal void Store(uint physical, uint linear, int size, ulong value, bool isSystem = false)
    {
        _bus.SetNow(Now);
        Memory.WriteValue(physical, size, value);
        StoreSeen?.Invoke(new PhysicalAddress(physical), size);
        value = size == 8 ? value : value & ((1ul << (8 * size)) - 1);
        if (isSystem)
        {
            _observer?.StoredImplicitly(new PhysicalAddress(physical), size, value);
        }
        else
        {
            _observer?.Stored(new PhysicalAddress(physical), size, value);
        }

        if (HostAddress(physical, write: true) == null)
        {
            _cpu->Attention |= Attention.Events;
        }
    }

    internal void NoteDataAccess(uint linear, int size, bool write)
    {
        uint dr7 = _cpu->State.System.Dr7;
        for (int i = 0; i < 4; i++)
        {
            uint kind = dr7 >> (16 + 4 * i) & 3;
            if ((dr7 >> (2 * i) & 3) == 0 || kind is 0 or 2 || (kind == 1 && !write))
            {
                continue;
            }

            // LEN 10b is 8 bytes on later processors and undefined here: 1, 2, undefined, 4 (SDM Vol. 3B, 17.2.4).
            uint length = (dr7 >> (18 + 4 * i) & 3) + 1;
            uint start = DebugAddress(i) & ~(length - 1);
            if (linear < (ulong)start + length && start < (ulong)linear + (uint)size)
            {
                _cpu->State.PendingDebug |= 1u << i;
                _cpu->Attention |= Attention.Events;
            }
        }
    }

    internal uint DebugAddress(int number) => number switch
    {
        0 => _cpu->State.System.Dr0,
        1 => _cpu->State.System.Dr1,
        2 => _cpu->State.System.Dr2,
        _ => _cpu->State.System.Dr3,
    };

    internal Shape? ShapeOf(in Instruction instruction)
    {
        Shape? shape = OwnShapeOf(instruction);
        return shape is not null && Model.MakesPrivileged(instruction) ? new MadePrivilegedShape(shape) : shape;
    }

    /// <summary>The shape without what a hypothetical model puts before it.</summary>
    internal Shape? OwnShapeOf(in Instruction instruction)
    {
        if (Model.ExtensionRow(instruction.Code) is { } row)
        {
            return Rows.ForExtension(row);
        }

        return Model.Has(instruction.Code) ? Rows.For(instruction) : null;
    }

    internal nint OwnHandlerOf(in Instruction instruction) => _blocks.HandlerOf(OwnShapeOf(instruction)!.Select(instruction), instruction);

    /// <summary>Of an instruction that has no start of its own, only the last access is known to belong to it.</summary>
    internal void NoteAccess()
    {
        if (!_cpu->Holding)
        {
            ForgetAttempt();
        }
    }

    internal bool HasMarked => _marked.Count > 0;

    private void ForgetAttempt()
    {
        _replaced.Clear();
        _marked.Clear();
    }

    /// <summary>
    /// Remembers a translation that an instruction in a chain is about to replace by another of the same page. If it has to start again alone, it has to find
    /// what it found at first: the tables may have changed since (SDM Vol. 3A, 4.10.2.3).
    /// </summary>
    internal void NoteReplaced(Translation* cached)
    {
        if (!_cpu->Alone)
        {
            _replaced.Add(new ReplacedTranslation(cached - _cpu->DataTranslations, *cached));
        }
    }

    /// <summary>
    /// Likewise a paging-structure entry before its accessed or dirty bit is set, where that may change the instruction's own bytes: what starts again is what
    /// was fetched. The translation that came with it goes too, so that the bit is set again.
    /// </summary>
    internal void NoteMarked(uint physical, int size, ulong old)
    {
        if (!_cpu->Alone && HoldsCode(physical))
        {
            _marked.Add(new MarkedEntry(physical, size, old));
        }
    }

    private void UndoAttempt()
    {
        for (int i = _replaced.Count - 1; i >= 0; i--)
        {
            Paging.Restore(_cpu, _cpu->DataTranslations + _replaced[i].Index, _replaced[i].Old);
        }

        for (int i = _marked.Count - 1; i >= 0; i--)
        {
            Memory.WriteValue(_marked[i].Physical, _marked[i].Size, _marked[i].Old);
        }

        ForgetAttempt();
    }

    private readonly record struct ReplacedTranslation(long Index, Translation Old);

    private readonly record struct MarkedEntry(uint Physical, int Size, ulong Old);
}
