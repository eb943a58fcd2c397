using System.Globalization;

namespace Harness.Vmm;

/// <summary>
/// Everything that a run of one guest needs, whoever monitors it: the host's memory with the guest's in it, the host processor, the guest's virtual devices,
/// the monitor's emulator, the clock and the ledger.
/// </summary>
public sealed class GuestMachine : IDisposable
{
    /// <summary>
    /// The monitor's memory lies at the host-physical addresses below this; the guest's RAM follows it. A multiple of 4 MiB: so what is a large page to a guest that has
    /// the host for itself can be one to the processor.
    /// </summary>
    public const long MonitorBytes = 8 << 20;

    private const ushort SerialPort = 0x3F8;
    private readonly Ram _ram;
    private readonly HostShare? _share;
    private readonly long _guestBytes;

    /// <summary>The delivery that was last told; in fields of their own, because a record that has just been put together costs a wait to copy.</summary>
    private byte _toldVector;
    private uint _toldAddress;
    private long _toldTick = -1;

    /// <summary>The guest's CR3 as it was loaded last; null: nobody counts.</summary>
    private uint? _guestCr3;

    /// <summary>
    /// <paramref name="guestModel"/>: what the guest sees, if less than the physical <paramref name="model"/>. <paramref name="neighbourBytes"/>: host memory behind the
    /// guest's RAM that is somebody else's. <paramref name="share"/>: of a host with several machines, this one's part; it stays the caller's.
    /// </summary>
    public GuestMachine(
        ProcessorModel model, GuestImage guest, PlatformOptions devices, CostProfile costs, IReadOnlyDictionary<string, string> options, bool keepEvents,
        ProcessorModel? guestModel = null, long neighbourBytes = 0, HostShare? share = null)
    {
        Guest = guest;
        Options = options;
        Clock = new GuestClock();
        Ledger = new Ledger(costs, keepEvents) { Clock = Clock };
        MachineEvents = new Ledger(null, keepEvents) { Clock = Clock };
        _guestBytes = (long)devices.RamBytes;
        _share = share;
        _ram = share?.Ram ?? new Ram(MonitorBytes + _guestBytes + neighbourBytes, Computer.RomBytes);
        PhysicalMemory guestPhysical = share is null ? new PhysicalMemory(_ram, MonitorBytes) : new PhysicalMemory(_ram, share.Frames);
        Platform = new Platform(devices, guestPhysical);
        Platform.A20Changed += guestPhysical.SetA20;
        Platform.BitFlipped += FlipBit;
        Platform.PagedOut += address => Emulator!.PageOut(address, GuestMemory!);
        GuestPhysical = guestPhysical;
        GuestMemory = new GuestMemoryMap(guestPhysical, share?.Origin ?? 0);
        Platform.PageMoved = MoveBalloonPage;
        Emulator = new Emulator(guestModel ?? model, guestPhysical, Platform, Clock, Retired);
        Host = new Host(model, _ram, Platform, Clock, Retired, share);
        Platform.DeviceMemory = DeviceMemory = new GuestDeviceMemory(this);
        Emulator.Deliveries = new DeliveryListener(this, Emulator.Processor);
        Host.Processor.Events = new DeliveryListener(this, Host.Processor);
        if (Emulator.Processor.Intercepts is { } virtualization)
        {
            virtualization.Events = new VirtualizationListener(this, Emulator.Processor);
        }

        GuestLoader.Load(guest, guestPhysical);
        GuestLoader.Enter(guest, Emulator.Processor);
        guestPhysical.Resolved += NoteResolved;
    }

    public GuestImage Guest { get; }

    public Platform Platform { get; }

    public Ledger Ledger { get; }

    /// <summary>What the guest itself sees delivered, and what it does as a hypervisor.</summary>
    public Ledger MachineEvents { get; }

    public IReadOnlyDictionary<string, string> Options { get; }

    public RetiredCounts Retired { get; } = new();

    internal GuestClock Clock { get; }

    internal Host Host { get; }

    internal Emulator Emulator { get; }

    internal GuestMemoryMap GuestMemory { get; }

    /// <summary>The guest's memory for its devices.</summary>
    internal GuestDeviceMemory DeviceMemory { get; }

    /// <summary>The guest's physical address space.</summary>
    internal PhysicalMemory GuestPhysical { get; }

    /// <summary>Told before each delivery that the guest sees, with the processor that makes it.</summary>
    internal event Action<Delivery, Processor>? Delivering;

    /// <summary>Where in the guest's RAM a store to a guest-physical address ends up; null: not in RAM.</summary>
    internal long? RamAddress(PhysicalAddress address)
    {
        if (_share is not null)
        {
            return GuestPhysical.TakesWrites(address) ? (long)address.Value & GuestPhysical.AddressMask : null;
        }

        int page = GuestPhysical.RamPageForWrites(address);
        return page < 0 ? null : RamAddress(new HostPhysicalAddress((ulong)page * Ram.PageSize + (address.Value & (Ram.PageSize - 1))));
    }

    /// <summary>Which address of the guest's RAM lies at a host-physical one; null: none.</summary>
    internal long? RamAddress(HostPhysicalAddress address)
    {
        if (_share is not null)
        {
            int page = _share.Frames.PageOf((int)((long)address.Value + _share.Origin >> 12));
            return address.Value < MonitorBytes || page < 0 ? null : (long)page * Ram.PageSize + (long)(address.Value % Ram.PageSize);
        }

        long offset = (long)address.Value - MonitorBytes;
        return offset >= 0 && offset < _guestBytes ? offset : null;
    }

    private void FlipBit(PhysicalAddress address, int bit)
    {
        Span<byte> value = stackalloc byte[1];
        GuestPhysical.Read(address, value);
        value[0] ^= (byte)(1 << bit);
        GuestPhysical.Write(address, value);
        var page = new GuestPhysicalAddress(address.Value & ~(Ram.PageSize - 1ul));
        if (Emulator.DeviceWrites?.Invoke(page) == DeviceWrite.Refused)
        {
            Emulator.Corrupted = page;
        }
    }

    /// <summary>Has a listener told of every byte on COM1 (port 3F8h) and on debug ports.</summary>
    internal void WatchOutput(IEnumerable<ushort> debugPorts, Action<ushort, byte> listener)
    {
        Platform.SerialOutput.Written += value => listener(SerialPort, value);
        foreach (ushort port in debugPorts.Distinct())
        {
            Platform.DebugOutput(port).Written += value => listener(port, value);
        }
    }

    /// <summary>Records loads of CR3 from now on. Where in the guest the real ones belong nobody knows: they have no address.</summary>
    internal void CountCr3Loads()
    {
        _guestCr3 = Emulator.System.Cr3;
        Host.CountCr3Loads((cause, isOther) => Ledger.Record(new EngineEvent { Kind = EngineEventKind.Cr3Load, Cause = cause, Reason = ReasonOf(isOther), Level = 1 }));
    }

    /// <summary>Whoever runs the guest, its loads of CR3 are carried out by this processor.</summary>
    private void NoteGuestCr3()
    {
        if (_guestCr3 is { } before)
        {
            _guestCr3 = Emulator.System.Cr3;
            MachineEvents.Record(new EngineEvent
            {
                Kind = EngineEventKind.Cr3Load,
                Cause = "guest",
                Reason = ReasonOf(before != _guestCr3),
                Cpl = Emulator.Cpl,
                Address = new LinearAddress(Emulator.Segment(SegmentName.CS).Base + Emulator.Processor.InstructionEip),
            });
        }
    }

    private static string ReasonOf(bool isOther) => isOther ? "switch" : "flush";

    /// <summary>Stops whichever processor runs.</summary>
    internal void RequestStop()
    {
        Emulator.Processor.RequestStop();
        Host.Processor.RequestStop();
    }

    internal GuestMemoryImage CaptureMemory() => _share is null ? new(_ram, MonitorBytes, _guestBytes) : new(_share.Frames);

    /// <summary>
    /// What the balloon device is told of a page: its bytes are lost when it is given, on whatever machine. Without a host that takes the frame they are overwritten, as a
    /// device would: what a monitor has derived from them goes too, and one that needs them as they are refuses.
    /// </summary>
    private bool MoveBalloonPage(uint page, bool isGiven)
    {
        var address = new PhysicalAddress((ulong)page * Ram.PageSize);
        ReadOnlySpan<byte> empty = stackalloc byte[Ram.PageSize];
        if (_share?.Balloon is not { } host)
        {
            return GuestPhysical.IsRam(address) && (!isGiven || DeviceMemory.TryWrite(address, empty));
        }

        bool done = host(page, isGiven);
        if (done && isGiven)
        {
            GuestMemory.NoteWrite(new GuestPhysicalAddress(address.Value), empty);
        }

        return done;
    }

    /// <summary>An emulated access, or one of the monitor itself, had to wait for a page.</summary>
    private void NoteResolved(FrameFault fault) => Ledger.Record(new EngineEvent
    {
        Kind = EngineEventKind.HiddenFault,
        Cause = "access",
        Reason = HostShare.Name(fault),
        Cpl = Emulator.Cpl,
        Address = Emulator.NextInstruction,
        Level = 1,
    });

    public void Dispose()
    {
        Emulator.Dispose();
        Host.Dispose();
        if (_share is null)
        {
            _ram.Dispose();
        }
    }

    /// <summary>On the host's processor, deliveries are the guest's own only in guest operation; the others enter the monitor.</summary>
    private sealed class DeliveryListener(GuestMachine machine, Processor processor) : IProcessorEvents
    {
        /// <summary>What the last delivery was counted under: most guests repeat themselves.</summary>
        private EventCount? _total;
        private byte _countedVector;
        private EventKind _countedKind;
        private int _countedCpl;

        public void Cr3Loaded()
        {
            if (processor == machine.Emulator.Processor)
            {
                machine.NoteGuestCr3();
            }
        }

        public void Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl)
        {
            if (processor == machine.Host.Processor && !processor.IsGuest)
            {
                machine.Host.NoteTrap();
                return;
            }

            // A delivery that succeeds takes a tick: this one was cut short by an exit of the monitor and comes again.
            uint address = processor.State.Cs.Base + eip;
            long tick = processor.Ticks;
            if (vector == machine._toldVector && address == machine._toldAddress && tick == machine._toldTick)
            {
                return;
            }

            machine._toldVector = vector;
            machine._toldAddress = address;
            machine._toldTick = tick;
            if (_total is null || vector != _countedVector || kind != _countedKind || cpl != _countedCpl || !machine.MachineEvents.TryCount(_total))
            {
                _countedVector = vector;
                _countedKind = kind;
                _countedCpl = cpl;
                bool isException = Delivery.IsExceptionKind(kind);
                _total = machine.MachineEvents.Record(new EngineEvent
                {
                    Kind = isException ? EngineEventKind.Trap : EngineEventKind.Interrupt,
                    Cause = isException || kind == EventKind.Nmi ? Vectors.Name(vector) : Vectors.NumberOf(vector),
                    Cpl = cpl,
                    Address = new LinearAddress(address),
                });
            }

            machine.Delivering?.Invoke(new Delivery(vector, kind, errorCode, new LinearAddress(address), cpl, tick), processor);
        }
    }

    /// <summary>What a hypervisor that runs as the guest does with the virtualization hardware that it is shown.</summary>
    private sealed class VirtualizationListener(GuestMachine machine, Processor processor) : IVirtualizationEvents
    {
        public void Exit(string name, uint reason, ulong qualification, uint guestEip, int guestCpl) => Record(EngineEventKind.Exit, name, "", guestEip, guestCpl);

        public void Entry(uint guestEip, uint injection) => Record(EngineEventKind.Entry, "", "", guestEip, processor.State.Cpl);

        public void Instruction(string name, int failure) => Record(
            EngineEventKind.Instruction,
            name,
            failure switch { 0 => "", < 0 => "failed", _ => string.Create(CultureInfo.InvariantCulture, $"error {failure}") },
            processor.InstructionEip,
            processor.State.Cpl);

        private void Record(EngineEventKind kind, string cause, string reason, uint eip, int cpl) => machine.MachineEvents.Record(new EngineEvent
        {
            Kind = kind,
            Cause = cause,
            Reason = reason,
            Cpl = cpl,
            Address = new LinearAddress(processor.State.Cs.Base + eip),
            Level = 1,
        });
    }
}
