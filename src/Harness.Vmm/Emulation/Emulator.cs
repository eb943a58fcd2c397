namespace Harness.Vmm;

/// <summary>
/// A monitor's own instruction emulator: a processor in software with virtual state, over the guest's memory and the guest's virtual devices. It has the
/// machine's semantics, because there is only one implementation of them, and shares the guest clock. What it knows is what the monitor put there.
/// </summary>
public sealed class Emulator : IDisposable
{
    private readonly Processor _processor;
    private readonly GuestClock _clock;
    private readonly EmulationListener _listener;
    private readonly RetiredCounts _retired;
    private Action<GuestPhysicalAddress, int>? _stored;

    internal Emulator(ProcessorModel model, PhysicalMemory guestMemory, Platform platform, GuestClock clock, RetiredCounts retired)
    {
        _retired = retired;
        Platform = platform;
        _clock = clock;
        _processor = new Processor(model, guestMemory, new PlatformBus(platform));
        _listener = new EmulationListener(this);
        _processor.Events = _listener;
        _processor.StoreSeen += (address, size) => _stored?.Invoke(new GuestPhysicalAddress(address.Value), size);
    }

    /// <summary>The virtual processor's model: the physical one's, less what the engine withholds.</summary>
    public ProcessorModel Model => _processor.Model;

    /// <summary>The guest's virtual devices.</summary>
    internal Platform Platform { get; }

    internal Processor Processor => _processor;

    /// <summary>Guest instructions that the emulator has retired, iterations under REP counted like instructions.</summary>
    public long Retired { get; private set; }

    /// <summary>Told of every delivery through the guest's own tables, failed attempts included, and of its loads of CR3.</summary>
    internal IProcessorEvents? Deliveries { get; set; }

    public ref uint Gpr(int number) => ref _processor.Register(number);

    public ref uint Eip => ref _processor.State.Eip;

    /// <summary>Linear address of the instruction that comes next.</summary>
    public LinearAddress NextInstruction => new(_processor.State.Cs.Base + _processor.State.Eip);

    /// <summary>The virtual EFLAGS.</summary>
    public uint Flags
    {
        get => _processor.Flags;
        set => _processor.Flags = value;
    }

    /// <summary>The virtual CPL.</summary>
    public ref int Cpl => ref _processor.State.Cpl;

    public ref SegmentRegister Segment(SegmentName name) => ref _processor.Segment(name);

    public ref DescriptorTableRegister Gdtr => ref _processor.State.Gdtr;

    public ref DescriptorTableRegister Idtr => ref _processor.State.Idtr;

    public ref SystemRegisters System => ref _processor.State.System;

    public bool IsHalted
    {
        get => _processor.State.Activity == Activity.Halted;
        set => _processor.State.Activity = value ? Activity.Halted : Activity.Active;
    }

    /// <summary>An interrupt shadow (STI, MOV SS) covers the next instruction.</summary>
    public bool InShadow => Blocking != Shadow.None;

    /// <summary>The interrupt shadow that covers the next instruction.</summary>
    public ref Shadow Blocking => ref _processor.State.Shadow;

    /// <summary>Debug traps, as in DR6, that come before the next instruction or, where MOV SS blocks them, after it.</summary>
    public ref uint PendingDebug => ref _processor.State.PendingDebug;

    /// <summary>An NMI is being handled: the next one waits for IRET.</summary>
    public ref bool NmiBlocked => ref _processor.State.NmiBlocked;

    /// <summary>The virtual devices have raised an NMI that the guest has not taken yet.</summary>
    public bool NmiPending => Platform.NmiPending;

    /// <summary>A scenario's NMI is still to come, for which a guest that has halted without IF may wait.</summary>
    public bool NmiComes => Platform.NmiComes;

    /// <summary>Something has to be delivered before the guest's next instruction: a debug trap, an NMI, or an interrupt that the virtual IF accepts.</summary>
    public bool EventPending =>
        PendingDebug != 0
        || (Platform.NmiPending && !_processor.State.NmiBlocked)
        || (Platform.InterruptPending && (Flags & Eflags.IF) != 0 && !InShadow);

    /// <summary>What comes before the guest's next instruction is the interrupt of the virtual interrupt controller, and nothing of higher priority.</summary>
    public bool InterruptComes => EventPending && PendingDebug == 0 && !(Platform.NmiPending && !_processor.State.NmiBlocked);

    /// <summary>The virtual interrupt controller has an interrupt for the guest, whatever the virtual IF is.</summary>
    public bool InterruptPending => Platform.InterruptPending;

    /// <summary>The tick at which the virtual devices have something to do. A monitor passes it to <see cref="IHost.InterruptAt"/>.</summary>
    public long NextDeadline => Platform.NextDeadline;

    /// <summary>The tick behind the guest's next instruction: a host interrupt then (<see cref="IHost.InterruptAt"/>) lets that one instruction run.</summary>
    public long NextTick => _clock.Ticks + 1;

    /// <summary>
    /// The same as <see cref="NextDeadline"/> without the block device with a ring, for a monitor that has made it the guest's own (<see cref="IHost.DedicateRing"/>): the device does without it.
    /// </summary>
    public long NextDeadlineOfOthers => Platform.NextDeadlineOfOthers;

    /// <summary>The guest's machine has a block device with a ring (<see cref="Harness.Machine.Devices.BlockRingInterface"/>).</summary>
    public bool HasRing => Platform.HasRing;

    /// <summary>
    /// What the monitor says to a device that writes to a page of the guest by itself: asked with the page's guest-physical address. Null: every write is
    /// <see cref="DeviceWrite.Reported"/>, by <see cref="Stored"/>.
    /// </summary>
    public Func<GuestPhysicalAddress, DeviceWrite>? DeviceWrites { get; set; }

    /// <summary>
    /// A page that the monitor would let no device write to, and in which a scenario has flipped a bit; null: none. It stands for the error that the memory of a host
    /// reports: the monitor cannot go on from what it has checked.
    /// </summary>
    public GuestPhysicalAddress? Corrupted { get; internal set; }

    /// <summary>
    /// Takes the page of a linear address out of the page tables in use, where a scenario has its pager do so and they are not the emulator's own to find; null: they are.
    /// </summary>
    public Action<LinearAddress>? Pager { get; set; }

    /// <summary>Told, after it happened, of each write of emulated instructions, or by the virtual machine itself, to guest-physical memory.</summary>
    public event Action<GuestPhysicalAddress, int>? Stored
    {
        add
        {
            _processor.ReportStores = true;
            _stored += value;
        }
        remove => _stored -= value;
    }

    /// <summary>Told of each exception or interrupt that is about to be delivered through the guest's own tables: vector and whether it is an interrupt.</summary>
    public event Action<byte, EventKind>? Delivering;

    /// <summary>Call after changing virtual state from outside, before the next step.</summary>
    public void StateChanged() => _processor.StateChanged();

    /// <summary>The same where only general and segment registers, EIP, flags and CPL have changed: translations stay.</summary>
    public void RegistersChanged() => _processor.PrivilegeChanged();

    /// <summary>Whether the clock has come to the tick: how a monitor that has been told a limit ends loops of its own.</summary>
    public bool HasReached(long tick) => _clock.Ticks >= Math.Min(tick, _clock.Cut);

    /// <summary>
    /// Lets the guest go on by one event, emulated: an instruction (an iteration under REP), or the delivery of an interrupt that is due or of the fault that
    /// the instruction raises.
    /// </summary>
    public GuestEnd Step() => Run(_clock.Ticks + 1);

    /// <summary>The guest is in user mode: CPL 3, and not in virtual-8086 mode.</summary>
    public bool InUserMode => _processor.InUserMode;

    /// <summary>As <see cref="Run"/>, but only until the guest is in user mode; that comes back as <see cref="GuestEnd.Limit"/> too.</summary>
    public GuestEnd RunSupervisor(long limit)
    {
        _processor.StopsInUserMode = true;
        GuestEnd end = Run(limit);
        _processor.StopsInUserMode = false;
        return end;
    }

    /// <summary>Emulates until the clock reaches the tick or the guest's run ends.</summary>
    public GuestEnd Run(long limit)
    {
        _clock.Enter(_processor);
        long before = Instructions;
        RunExit exit = _processor.Run(limit);
        Retired += Instructions - before;
        _retired.Emulated += Instructions - before;
        _clock.Leave(_processor);
        return End(exit);
    }

    /// <summary>Whether the emulator's last run stopped because the guest asked for a reset.</summary>
    public bool ResetRequested => Platform.ResetRequested;

    /// <summary>Carries out a reset of the virtual machine.</summary>
    public void Reset()
    {
        Platform.Reset();
        _processor.Reset();
    }

    /// <summary>Delivers an event through the guest's own tables, nested faults included. It counts on the clock. Shutdown: a triple fault.</summary>
    public GuestEnd Deliver(byte vector, EventKind kind, uint? errorCode)
    {
        _clock.Enter(_processor);
        _processor.Deliver(vector, kind, errorCode, Eip);
        _clock.Leave(_processor);
        return _processor.State.Activity == Activity.Shutdown ? GuestEnd.Shutdown : GuestEnd.Limit;
    }

    /// <summary>The monitor itself has written the frame of an exception or interrupt for the guest, whose code segment is flat: the machine's own ledger counts it.</summary>
    public void NoteDelivery(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl)
    {
        _clock.Enter(_processor);
        _processor.State.Cs.Base = 0;
        Deliveries?.Delivering(vector, kind, errorCode, eip, cpl);
        _clock.Leave(_processor);
    }

    /// <summary>Delivers the pending interrupt of the virtual interrupt controller; the caller has checked that the guest accepts it.</summary>
    public GuestEnd DeliverInterrupt() => Deliver(Platform.AcknowledgeInterrupt(), EventKind.ExternalInterrupt, null);

    /// <summary>Takes the pending interrupt from the virtual interrupt controller, for a monitor that lets the hardware deliver it; its vector.</summary>
    public byte AcknowledgeInterrupt() => Platform.AcknowledgeInterrupt();

    /// <summary>Takes the pending NMI, for a monitor that delivers it itself.</summary>
    public void AcknowledgeNmi() => Platform.AcknowledgeNmi();

    /// <summary>The virtual time-stamp counter.</summary>
    public ulong TimeStamp
    {
        get
        {
            _clock.Enter(_processor);
            ulong value = _processor.TimeStamp;
            _clock.Leave(_processor);
            return value;
        }
    }

    /// <summary>Lets the virtual devices do what is due now; where MOV SS blocks interrupts, an instruction later, as under all monitors.</summary>
    public void AdvanceDevices()
    {
        if (Blocking != Shadow.MovSs)
        {
            Platform.AdvanceTo(_clock.Ticks);
        }
    }

    /// <summary>A device has written to the guest's memory by itself.</summary>
    internal void NoteStore(GuestPhysicalAddress address, int size) => _stored?.Invoke(address, size);

    /// <summary>What the virtual device at a port answers; <paramref name="size"/> is 1, 2 or 4 bytes.</summary>
    public uint In(ushort port, int size)
    {
        Platform.Now = _clock.Ticks;
        return Platform.In(port, size);
    }

    /// <summary>Writes to the virtual device at a port.</summary>
    public void Out(ushort port, int size, uint value)
    {
        Platform.Now = _clock.Ticks;
        Platform.Out(port, size, value);
    }

    /// <summary>Whether the guest has ended its run or asked for a reset by a device.</summary>
    public bool StopRequested => Platform.ExitCode is not null || Platform.ShutdownRequested || Platform.ResetRequested;

    /// <summary>How the run ends by it.</summary>
    public GuestEnd StopEnd => End(RunExit.Stopped);

    /// <summary>The guest waits: the clock jumps to the devices' next deadline, or to the tick. False: no deadline will ever come.</summary>
    public bool Wait(long limit)
    {
        if (NextDeadline == long.MaxValue)
        {
            return false;
        }

        long passed = Math.Max(0, Math.Min(limit, NextDeadline) - _clock.Ticks);
        _clock.Ticks += passed;
        _clock.Halted += passed;
        return true;
    }

    /// <summary>Translates a guest-linear address through the guest's own page tables as the virtual state has them; null is a page fault, not raised.</summary>
    public GuestPhysicalAddress? Translate(LinearAddress linear, bool write, bool user) =>
        _processor.TryTranslate(linear, write, user, out PhysicalAddress physical) ? new GuestPhysicalAddress(physical.Value) : null;

    /// <summary>
    /// Walks the guest's page tables for an access as its processor would, accessed and dirty bits included. False: the guest's own page fault, with the error
    /// code and CR2 for it.
    /// </summary>
    public bool Walk(LinearAddress linear, bool write, bool user, bool fetch, out PageWalk walk) => _processor.WalkForMonitor(linear, write, user, fetch, out walk);

    /// <summary>A fetch in supervisor mode would succeed and set no bit in the guest's page tables.</summary>
    public bool CanFetch(LinearAddress linear) => _processor.CanFetch(linear);

    /// <summary>Takes a page out of the guest's page tables from outside; a monitor learns of it by <see cref="Stored"/>.</summary>
    internal void PageOut(LinearAddress address, GuestMemoryMap memory)
    {
        if (Pager is { } pager)
        {
            pager(address);
            return;
        }

        if (!_processor.TryFindEntry(address, out PhysicalAddress entry))
        {
            return;
        }

        var at = new GuestPhysicalAddress(entry.Value);
        Span<byte> low = stackalloc byte[1];
        memory.Read(at, low);
        low[0] &= unchecked((byte)~PageEntry.P);
        memory.Write(at, low);
        _processor.InvalidatePage(address.Value);
        _stored?.Invoke(at, low.Length);
    }

    public void Dispose() => _processor.Dispose();

    /// <summary>The clock less what is no instruction: halted ticks and deliveries.</summary>
    private long Instructions => _processor.Ticks - _processor.HaltedTicks - _processor.Deliveries - _processor.PausedTicks;

    private GuestEnd End(RunExit exit) => exit switch
    {
        RunExit.Limit or RunExit.UserMode => GuestEnd.Limit,
        RunExit.HaltedForever => GuestEnd.HaltedForever,
        RunExit.Shutdown => GuestEnd.Shutdown,
        _ when Platform.ExitCode is not null || Platform.ShutdownRequested => GuestEnd.Done,
        _ => GuestEnd.Stopped,
    };

    private sealed class EmulationListener(Emulator emulator) : IProcessorEvents
    {
        void IProcessorEvents.Cr3Loaded() => emulator.Deliveries?.Cr3Loaded();

        void IProcessorEvents.Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl)
        {
            emulator.Deliveries?.Delivering(vector, kind, errorCode, eip, cpl);
            emulator.Delivering?.Invoke(vector, kind);
        }
    }
}

/// <summary>The one clock of a guest, handed to whichever processor runs it.</summary>
internal sealed class GuestClock
{
    private Processor? _running;

    /// <summary>Ticks that have passed.</summary>
    public long Ticks { get; set; }

    /// <summary>Of them, those in HLT.</summary>
    public long Halted { get; set; }

    /// <summary>The tick of this moment, while a processor runs too.</summary>
    public long Now => _running?.Now ?? Ticks;

    /// <summary>The tick at which whoever owns the run wants it to end before the limit that its monitor was told.</summary>
    public long Cut { get; set; } = long.MaxValue;

    /// <summary>When the guest was last left for its monitor; null where it never runs directly.</summary>
    public long? Arrival { get; set; }

    public void Enter(Processor processor)
    {
        _running = processor;
        processor.Ticks = Ticks;
        processor.HaltedTicks = Halted;
    }

    public void Leave(Processor processor)
    {
        _running = null;
        Ticks = processor.Ticks;
        Halted = processor.HaltedTicks;
    }
}
