using Harness.Hardware.Vmx;
using Harness.Machine.Devices;
using Iced.Intel;

namespace Harness.Engines.Vtx;

/// <summary>One guest under VT-x: enter it, take the exit, do what it asked for, go on.</summary>
internal sealed class VtxMonitor : IMonitor
{
    private const uint PageFaults = 1u << (int)Vector.PF;
    private const ulong FeatureLockAndVmx = 5;

    /// <summary>What VM entry injects; selectors of the upper half of a table are beyond (SDM Vol. 3C, 26.2.1.3).</summary>
    private const uint LargestErrorCode = 0x7FFF;
    private const uint DebugCauses = 0xF | DebugBits.BD | DebugBits.BS;

    private readonly IHost _host;
    private readonly Emulator _emulator;
    private readonly GuestMemoryMap _memory;
    private readonly Ledger _ledger;
    private readonly RetiredCounts _retired;
    private readonly GuestLinearMemory _code;
    private readonly ShadowPages _v86Pages;
    private readonly ShadowPages _guestPages;
    private readonly VmxInstructions _vmx;
    private readonly GuestArea _area;
    private readonly uint[] _registers = new uint[8];
    private readonly uint _processorControls;
    private readonly bool _dedicatesRing;
    private InjectedEvent? _event;
    private bool _launched;
    private bool _ownsTimeStamp;
    private bool _mapChanged;

    /// <exception cref="InvalidOperationException">The processor has no VT-x: its model lacks the extension.</exception>
    public VtxMonitor(MonitorContext context, int addressSpaces, bool hasLargePages, bool dedicatesRing)
    {
        _dedicatesRing = dedicatesRing;
        _host = context.Host;
        _emulator = context.Emulator;
        _memory = context.GuestMemory;
        _ledger = context.Ledger;
        _retired = context.Retired;
        _code = new GuestLinearMemory(_emulator, _memory);
        _v86Pages = new ShadowPages(_host, _emulator, _memory, [MonitorMemory.V86Space]);
        ShadowSpace[] spaces = MonitorMemory.GuestSpace(_host, context.MonitorBytes, hasLargePages).Repeat(addressSpaces);
        _guestPages = new ShadowPages(_host, _emulator, _memory, spaces) { Omitted = context.Omitted };
        _vmx = new VmxInstructions(_host.Virtualization as VmxUnit
            ?? throw new InvalidOperationException("The host's processor has no VT-x: its model needs VmxExtension."));
        _area = new GuestArea(_host, _emulator, _vmx);
        MonitorMemory.Install(_host);
        foreach (ShadowSpace space in spaces)
        {
            space.Install(_host);
        }

        StartVmx();
        _area.Initialize();
        _area.Write(VmcsField.PinBasedControls, Controls(NeededControl.PinBased));
        _processorControls = Controls(NeededControl.ProcessorBased);
        if (dedicatesRing)
        {
            // With bitmaps, unconditional I/O exiting is ignored (SDM Vol. 3C, Table 24-6).
            _processorControls |= ProcessorControls.UseIoBitmaps;
            DedicateRing(MonitorMemory.IoBitmaps(context.MonitorBytes));
        }

        _area.Write(VmcsField.ExitControls, Controls(NeededControl.Exit));
        _area.Write(VmcsField.EntryControls, Controls(NeededControl.Entry));
        _emulator.DeviceWrites = page => _memory.Translate(page, write: true) is { } at && _guestPages.IsTraced((uint)at.Value) ? DeviceWrite.Reported : DeviceWrite.Allowed;
        _emulator.Stored += Stored;
        _emulator.Delivering += Delivering;
        _memory.Changed += MapChanged;
        _memory.FrameChanged += _guestPages.NoteFrame;
        _memory.FrameChanged += _v86Pages.NoteFrame;
    }

    public string? StopReason => null;

    public bool IsEmulating { get; private set; } = true;

    public ShadowUse Shadows => _guestPages.Used;

    public GuestEnd Run(long limit)
    {
        while (true)
        {
            if (IsEmulating && Prepare(limit) is { } end)
            {
                return end;
            }

            long direct = _retired.Direct;
            HostReturn back = _host.Enter(_registers, EnterGuest);
            _retired.Regime(Regimes.Name(_area.Regime)).Direct += _retired.Direct - direct;
            IsEmulating = back != HostReturn.Ended;
            if (!IsEmulating)
            {
                return _emulator.HasReached(limit) ? GuestEnd.Limit : GuestEnd.Stopped;
            }

            if (HandleExit() is { } stop)
            {
                return stop;
            }
        }
    }

    public void Translate(ref GuestRegisters registers) => _area.Translate(ref registers);

    public void Dispose()
    {
        _emulator.Stored -= Stored;
        _emulator.Delivering -= Delivering;
        _memory.Changed -= MapChanged;
        _memory.FrameChanged -= _guestPages.NoteFrame;
        _memory.FrameChanged -= _v86Pages.NoteFrame;
    }

    private void StartVmx()
    {
        _host.ReadMsr(VmxCapabilities.FirstMsr, out ulong basic);
        var revision = (uint)basic & 0x7FFFFFFF;
        _host.Memory.WriteUInt32(new HostPhysicalAddress(MonitorMemory.VmxonRegion), revision);
        _host.Memory.WriteUInt32(new HostPhysicalAddress(MonitorMemory.Vmcs), revision);
        _host.WriteMsr(Msr.IA32_FEATURE_CONTROL, FeatureLockAndVmx);
        Expect(_vmx.Vmxon(new PhysicalAddress(MonitorMemory.VmxonRegion)), "VMXON");
        Expect(_vmx.Vmclear(new PhysicalAddress(MonitorMemory.Vmcs)), "VMCLEAR");
        Expect(_vmx.Vmptrld(new PhysicalAddress(MonitorMemory.Vmcs)), "VMPTRLD");
    }

    /// <summary>Every port exits but those of the device (SDM Vol. 3C, 24.6.4).</summary>
    private void DedicateRing(uint bitmaps)
    {
        const uint BitmapBytes = ShadowSpace.PageSize;
        var map = new byte[2 * BitmapBytes];
        Array.Fill(map, byte.MaxValue);
        map.AsSpan(BlockRingInterface.FirstPort / 8, BlockRingInterface.Ports / 8).Clear();
        _host.Memory.Write(new HostPhysicalAddress(bitmaps), map);
        _area.Write(VmcsField.IoBitmapA, bitmaps);
        _area.Write(VmcsField.IoBitmapB, bitmaps + BitmapBytes);
        _host.DedicateRing();
    }

    /// <summary>What the monitor sets, and what the processor has set whoever asks (SDM Vol. 3D, A.3 to A.5: the low half of the MSR).</summary>
    private uint Controls(uint capability)
    {
        _host.ReadMsr(capability, out ulong allowed);
        return NeededControl.AlwaysSet(capability) | (uint)allowed;
    }

    private void EnterGuest() => Expect(_launched ? _vmx.Vmresume() : _vmx.Vmlaunch(), "VM entry");

    /// <summary>A failure is a defect of the monitor: no guest can cause it.</summary>
    private static void Expect(VmxResult result, string what)
    {
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"{what} failed: {result.Outcome}, {result.Error}.");
        }
    }

    /// <summary>Emulates until the guest can be entered, and writes the state that it is entered with.</summary>
    private GuestEnd? Prepare(long limit)
    {
        while (true)
        {
            if (_emulator.HasReached(limit))
            {
                return GuestEnd.Limit;
            }

            if (_mapChanged)
            {
                DropAll();
            }

            _guestPages.Settle();
            _v86Pages.Settle();

            _emulator.AdvanceDevices();
            Regime regime = Regimes.Of(_emulator);
            if (_event is null && regime is (Regime.Unpaged or Regime.Paged) && _emulator.InterruptComes)
            {
                _emulator.IsHalted = false;
                _event = new InjectedEvent(_emulator.AcknowledgeInterrupt(), EventKind.ExternalInterrupt, null);
            }

            GuestEnd? end;
            if (_event is null && _emulator.IsHalted && !_emulator.EventPending)
            {
                end = Outcome(_emulator.Run(Math.Min(limit, _emulator.NextDeadline)));
            }
            else if (_event is null && (_emulator.EventPending || _emulator.InShadow || _emulator.NmiPending || regime == Regime.Invalid))
            {
                end = Emulated(regime, Step);
            }
            else
            {
                Export(regime);
                return null;
            }

            if (end is not null)
            {
                return end;
            }
        }
    }

    private void Export(Regime regime)
    {
        bool v86 = regime == Regime.V86;
        if (v86)
        {
            _guestPages.DropOthers();
        }

        _area.Export(regime, v86 ? MonitorMemory.V86Space : _guestPages.Space, _registers, _event);
        bool waits = _emulator.InterruptPending;
        _area.Write(VmcsField.ProcessorBasedControls, _processorControls
            | (waits ? ProcessorControls.InterruptWindowExiting : 0) | (_ownsTimeStamp ? ProcessorControls.RdtscExiting : 0));

        // An alignment check in the delivery of a fault starts the instruction again, with the RF that was injected: that delivery is better emulated.
        uint misaligned = _event is { Kind: EventKind.Fault } ? 1u << (int)Vector.AC : 0;
        _area.Write(VmcsField.ExceptionBitmap, v86 ? uint.MaxValue : PageFaults | misaligned);
        _host.InterruptAt(_dedicatesRing ? _emulator.NextDeadlineOfOthers : _emulator.NextDeadline);
        if (_event is { } e)
        {
            string reason = e.IsRepeated ? "repeated" : e.Kind == EventKind.ExternalInterrupt ? "interrupt" : "exception";
            Record(Event(EngineEventKind.Injection, NameOf(e.Vector, e.Kind), reason, "", ""));
        }
    }

    /// <summary>The one place where control comes back from the guest.</summary>
    private GuestEnd? HandleExit()
    {
        _area.NoteExit();
        uint raw = _area.Read(VmcsField.ExitReason);
        var reason = (ExitReason)(raw & ushort.MaxValue);
        InjectedEvent? injected = _event;
        _event = null;
        if ((raw & ExitReasons.EntryFailure) != 0)
        {
            _code.TryDecode(out Instruction rejected);
            Record(Event(EngineEventKind.Exit, ExitReasons.Name(reason), Regimes.Name(Regime.Invalid), InstructionText.MnemonicOf(rejected), ""));
            return Emulated(Regime.Invalid, () => injected is { } e ? Outcome(_emulator.Deliver(e.Vector, e.Kind, e.ErrorCode)) : Step());
        }

        _launched = true;
        _area.Import(_registers);
        switch (reason)
        {
            case ExitReason.ExternalInterrupt:
            case ExitReason.InterruptWindow:
                Record(Event(EngineEventKind.Exit, ExitReasons.Name(reason), "", "", ""));
                return null;
            case ExitReason.TripleFault:
                Record(Event(EngineEventKind.Exit, ExitReasons.Name(reason), "", "", ""));
                return GuestEnd.Shutdown;
            case ExitReason.ExceptionOrNmi:
                return HandleException();
            case ExitReason.Invlpg:
                _guestPages.Drop(new LinearAddress(_area.Read(VmcsField.ExitQualification)));
                return Emulate(reason, "");
            default:
                return Emulate(reason, "");
        }
    }

    private GuestEnd? HandleException()
    {
        uint information = _area.Read(VmcsField.ExitInterruptionInformation);
        var vector = (Vector)(information & InterruptionInformation.VectorMask);
        if (vector == Vector.PF)
        {
            return HandlePageFault();
        }

        string name = Vectors.Name((byte)vector);
        if (vector != Vector.DB || InterruptionInformation.IsSoftware(information))
        {
            return Emulate(ExitReason.ExceptionOrNmi, name);
        }

        Record(Event(EngineEventKind.Exit, ExitReasons.Name(ExitReason.ExceptionOrNmi), name, "", ""));
        _emulator.System.Dr6 |= _area.Read(VmcsField.ExitQualification) & DebugCauses;
        return Emulated(_area.Regime, () => Outcome(_emulator.Deliver((byte)Vector.DB, EventKind.Trap, null)));
    }

    private GuestEnd? HandlePageFault()
    {
        var linear = new LinearAddress(_area.Read(VmcsField.ExitQualification));
        uint error = _area.Read(VmcsField.ExitInterruptionErrorCode);
        bool user = _area.Regime != Regime.V86 && (error & ErrorCode.User) != 0;
        ShadowPages pages = _area.Regime == Regime.V86 ? _v86Pages : _guestPages;
        switch (pages.Fill(linear, (error & ErrorCode.Write) != 0, (error & ErrorCode.InstructionFetch) != 0, user))
        {
            case ShadowFault.Filled:
                _code.TryDecode(out Instruction instruction);
                Record(Event(EngineEventKind.HiddenFault, "#PF", HostShare.Name(pages.HostCause), InstructionText.MnemonicOf(instruction), "") with { CostsAs = EngineEventKind.Exit });

                // A software interrupt is the instruction that RIP still points to: it simply executes again.
                InjectedEvent? repeated = Vectoring();
                if (repeated is { ErrorCode: > LargestErrorCode } large)
                {
                    return Emulated(_area.Regime, () => Outcome(_emulator.Deliver(large.Vector, large.Kind, large.ErrorCode)));
                }

                _event = repeated;
                return null;
            case ShadowFault.Device:
                return Emulate(ExitReason.ExceptionOrNmi, "mmio");
            case ShadowFault.Traced:
                return Emulate(ExitReason.ExceptionOrNmi, "trace");
            case ShadowFault.Protected:
                return Emulate(ExitReason.ExceptionOrNmi, "write-protect");
            default:
                if (Vectoring() is not null)
                {
                    return Emulate(ExitReason.ExceptionOrNmi, "#PF");
                }

                Record(Event(EngineEventKind.Exit, ExitReasons.Name(ExitReason.ExceptionOrNmi), "#PF", "", ""));
                _emulator.System.Cr2 = linear.Value;
                _emulator.PendingDebug = 0;
                _event = new InjectedEvent((byte)Vector.PF, EventKind.Fault, pages.ErrorCode);
                return null;
        }
    }

    /// <summary>The event during whose delivery the exit occurred, unless an instruction raised it that can do so again.</summary>
    private InjectedEvent? Vectoring()
    {
        uint information = _area.Read(VmcsField.IdtVectoringInformation);
        if ((information & InterruptionInformation.Valid) == 0 || InterruptionInformation.IsSoftware(information))
        {
            return null;
        }

        var vector = (byte)(information & InterruptionInformation.VectorMask);
        EventKind kind = InterruptionInformation.Type(information) switch
        {
            InterruptionInformation.ExternalInterrupt => EventKind.ExternalInterrupt,
            InterruptionInformation.Nmi => EventKind.Nmi,
            _ => vector == (byte)Vector.DB ? EventKind.Trap : EventKind.Fault,
        };
        uint? error = (information & InterruptionInformation.HasErrorCode) != 0 ? _area.Read(VmcsField.IdtVectoringErrorCode) : null;
        return new InjectedEvent(vector, kind, error, IsRepeated: true);
    }

    /// <summary>Emulates what exited: the delivery that was under way, or the instruction.</summary>
    private GuestEnd? Emulate(ExitReason reason, string detailOfReason)
    {
        bool known = _code.TryDecode(out Instruction instruction);
        string detail = known ? InstructionText.DetailOf(instruction, _emulator) : "";
        Record(Event(EngineEventKind.Exit, ExitReasons.Name(reason), detailOfReason, InstructionText.MnemonicOf(instruction), detail));

        // RDTSC has to read what the guest wrote: from now on it exits.
        _ownsTimeStamp |= reason == ExitReason.Wrmsr && _emulator.Gpr(1) == Msr.IA32_TIME_STAMP_COUNTER;
        InjectedEvent? delivery = Vectoring();
        return Emulated(_area.Regime, () => delivery is { } e ? Outcome(_emulator.Deliver(e.Vector, e.Kind, e.ErrorCode)) : Step());
    }

    /// <summary>Whatever changed the meaning of the guest's page tables changes the shadows.</summary>
    private GuestEnd? Emulated(Regime regime, Func<GuestEnd?> action)
    {
        PagingState before = PagingState.Of(_emulator);
        long emulated = _retired.Emulated;
        GuestEnd? end = action();
        _retired.Regime(Regimes.Name(regime)).Emulated += _retired.Emulated - emulated;
        if (PagingState.Of(_emulator) != before)
        {
            _v86Pages.DropAll();
            if (_guestPages.Switch() is { } result)
            {
                Record(Event(EngineEventKind.Switch, "shadow", result, "", ""));
            }
        }

        return end;
    }

    private void DropAll()
    {
        _mapChanged = false;
        _v86Pages.DropAll();
        _guestPages.DropAll();
    }

    private GuestEnd? Step() => Outcome(_emulator.Step());

    /// <summary>Null: the guest goes on.</summary>
    private GuestEnd? Outcome(GuestEnd end)
    {
        if (end == GuestEnd.Stopped && _emulator.ResetRequested)
        {
            _emulator.Reset();
            return null;
        }

        return end == GuestEnd.Limit ? null : end;
    }

    private void Stored(GuestPhysicalAddress address, int size)
    {
        if (_memory.Translate(address, write: true) is { } found)
        {
            _guestPages.Written((uint)found.Value, size);
        }
    }

    /// <summary>Writing the map while a table is being walked would pull it from under the walk: it is dropped before the guest goes on.</summary>
    private void MapChanged() => _mapChanged = true;

    private void Delivering(byte vector, EventKind kind)
    {
        bool interrupt = kind is EventKind.ExternalInterrupt or EventKind.Nmi;
        Record(Event(EngineEventKind.Injection, NameOf(vector, kind), interrupt ? "interrupt" : "exception", "", ""));
    }

    /// <summary>Real-mode software lets interrupts have the vectors of exceptions.</summary>
    private static string NameOf(byte vector, EventKind kind) => kind == EventKind.ExternalInterrupt ? Vectors.NumberOf(vector) : Vectors.Name(vector);

    private EngineEvent Event(EngineEventKind kind, string cause, string reason, string instruction, string detail) => new()
    {
        Kind = kind,
        Cause = cause,
        Reason = reason,
        Instruction = instruction,
        Detail = detail,
        Cpl = _emulator.Cpl,
        Address = _emulator.NextInstruction,
        Level = 1,
    };

    private void Record(EngineEvent e) => _ledger.Record(e);
}
