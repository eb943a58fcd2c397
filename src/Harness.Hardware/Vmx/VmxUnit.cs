using System.Globalization;
using Harness.Hardware.Vmx.Checks;
using Harness.Machine.State;

namespace Harness.Hardware.Vmx;

/// <summary>
/// VT-x of one processor: VMX operation, its pointers and, in non-root operation, the VMCS that it works with (SDM Vol. 3C, chapters 23 to 30).
/// </summary>
public sealed partial class VmxUnit : IInterceptUnit, IMsrUnit, IStateful
{
    private const ulong NoPointer = ulong.MaxValue;
    private const ulong FeatureLock = 1;
    private const ulong FeatureVmx = 4;
    private readonly Processor _processor;
    private readonly VmcsRegion _region;
    private readonly VmcsImage _vmcs = new();
    private bool _inOperation;
    private ulong _vmxonPointer = NoPointer;
    private ulong _current = NoPointer;
    private ulong _featureControl;

    public VmxUnit(Processor processor, VmxCapabilities capabilities)
    {
        _processor = processor;
        _region = new VmcsRegion(processor.Memory);
        Capabilities = capabilities;
        _entry = new EntryContext(_vmcs, capabilities, processor.Memory);
    }

    public VmxCapabilities Capabilities { get; }

    internal Processor Processor => _processor;

    public IVirtualizationEvents? Events { get; set; }

    /// <summary>VMX operation, root or not.</summary>
    public bool InOperation => _inOperation;

    /// <summary>Physical address of the current VMCS, or null.</summary>
    public PhysicalAddress? CurrentVmcs => _current == NoPointer ? null : new PhysicalAddress(_current);

    /// <inheritdoc/>
    public string Operation => !_inOperation ? "off" : _current == NoPointer ? "on" : string.Create(CultureInfo.InvariantCulture, $"on, VMCS {_current:X8}");

    public ulong TimeStampOffset =>
        Controls(VmcsField.ProcessorBasedControls, ProcessorControls.UseTscOffsetting) ? _vmcs[VmcsField.TscOffset] : 0;

    /// <summary>The unit of a processor whose model has VT-x.</summary>
    public static VmxUnit Of(Processor processor) => (VmxUnit)processor.Intercepts!;

    public void Reset()
    {
        _inOperation = false;
        _vmxonPointer = _current = NoPointer;
        _featureControl = 0;
    }

    public void Visit(IStateVisitor visitor)
    {
        visitor.Value("in-operation", ref _inOperation);
        visitor.Value("vmxon-pointer", ref _vmxonPointer);
        visitor.Value("current-vmcs", ref _current);
        visitor.Value("feature-control", ref _featureControl);
        visitor.Bytes("vmcs", ref _vmcs.Data);
    }

    public bool TryRead(uint number, out ulong value)
    {
        value = _featureControl;
        return number == Msr.IA32_FEATURE_CONTROL;
    }

    public bool TryWrite(uint number, ulong value, out bool known)
    {
        known = number == Msr.IA32_FEATURE_CONTROL;
        if (!known || (_featureControl & FeatureLock) != 0 || (value & ~(FeatureLock | FeatureVmx)) != 0)
        {
            return false;
        }

        _featureControl = value;
        return true;
    }

    public uint ReadControl(int number, uint value) => number switch
    {
        0 => Shadowed(value, VmcsField.Cr0GuestHostMask, VmcsField.Cr0ReadShadow),
        4 => Shadowed(value, VmcsField.Cr4GuestHostMask, VmcsField.Cr4ReadShadow),
        _ => value,
    };

    public uint FilterControlWrite(int number, uint current, uint value)
    {
        uint mask = _vmcs.Low(number == 0 ? VmcsField.Cr0GuestHostMask : VmcsField.Cr4GuestHostMask);
        return (current & mask) | (value & ~mask);
    }

    public bool AllowsControl(int number, uint value) => !_inOperation || Capabilities.AllowsControl(number, value);

    public bool Instruction(InterceptKind kind, uint qualifier, uint value)
    {
        var question = new ExitQuestion(_vmcs, _processor.Memory, qualifier, value);
        if (ExitPolicy.ShouldExitOn(kind, question) is not { } answer)
        {
            return false;
        }

        Exit(answer with { InstructionLength = InstructionLength, LinearAddress = LinearAddressOf(kind, value) });
        return true;
    }

    public bool Exception(Vector vector, EventKind kind, uint? errorCode)
    {
        if (!ExitPolicy.ShouldExitOnException(_vmcs, vector, errorCode))
        {
            return false;
        }

        bool pushes = Vectors.HasErrorCode(vector);
        uint qualification = vector switch
        {
            Vector.PF => _processor.LastFault.Address,
            Vector.DB => errorCode.GetValueOrDefault() & (DebugBits.BS | DebugBits.BD | PendingDebug.Breakpoints),
            _ => 0,
        };
        Exit(new ExitInformation(ExitReason.ExceptionOrNmi, qualification)
        {
            Interruption = InterruptionInformation.Of((byte)vector, InterruptionInformation.HardwareException, pushes),
            ErrorCode = pushes ? errorCode.GetValueOrDefault() : 0,
            SetsResumeFlag = kind == EventKind.Fault && vector != Vector.DB,
        });
        return true;
    }

    public bool ExternalInterrupt()
    {
        if (!Controls(VmcsField.PinBasedControls, PinControls.ExternalInterruptExiting) || _processor.Blocking != Shadow.None)
        {
            return false;
        }

        bool acknowledge = Controls(VmcsField.ExitControls, ExitControls.AcknowledgeInterruptOnExit);
        Exit(new ExitInformation(ExitReason.ExternalInterrupt, 0)
        {
            Interruption = acknowledge
                ? InterruptionInformation.Of(_processor.Bus.AcknowledgeInterrupt(), InterruptionInformation.ExternalInterrupt, errorCode: false)
                : 0,
        });
        return true;
    }

    public bool Nmi()
    {
        if (!Controls(VmcsField.PinBasedControls, PinControls.NmiExiting))
        {
            return false;
        }

        _processor.Bus.AcknowledgeNmi();
        Exit(new ExitInformation(ExitReason.ExceptionOrNmi, 0)
        {
            Interruption = InterruptionInformation.Of((byte)Vector.NMI, InterruptionInformation.Nmi, errorCode: false),
        });
        _processor.State.NmiBlocked = true;
        return true;
    }

    public bool Boundary()
    {
        bool open = Controls(VmcsField.ProcessorBasedControls, ProcessorControls.InterruptWindowExiting)
            && (_processor.State.OtherFlags & Eflags.IF) != 0 && _processor.Blocking == Shadow.None;
        if (open)
        {
            Exit(new ExitInformation(ExitReason.InterruptWindow, 0));
        }

        return open;
    }

    public bool TripleFault()
    {
        Exit(new ExitInformation(ExitReason.TripleFault, 0));
        return true;
    }

    /// <summary>Of the instruction that exits, or that delivers the event during which the exit occurs; 0 where no instruction does.</summary>
    private uint InstructionLength
    {
        get
        {
            bool interrupted = _processor.InDelivery is { } original && !InterruptionInformation.IsSoftware(InterruptionInformation.Of(original));
            return interrupted ? 0 : _injectedLength ?? (uint)_processor.ExecutingInstruction.Length;
        }
    }

    private bool Controls(VmcsField field, uint control) => (_vmcs.Low(field) & control) != 0;

    private uint Shadowed(uint value, VmcsField maskField, VmcsField shadow)
    {
        uint mask = _vmcs.Low(maskField);
        return (value & ~mask) | (_vmcs.Low(shadow) & mask);
    }

    /// <summary>Guest-linear address: of LMSW's memory operand and of the string of INS and OUTS (SDM Vol. 3C, 27.2.1).</summary>
    private uint LinearAddressOf(InterceptKind kind, uint value)
    {
        if (kind is not (InterceptKind.Lmsw or InterceptKind.Io))
        {
            return 0;
        }

        ref readonly Instruction instruction = ref _processor.ExecutingInstruction;
        if (instruction.Op0Kind == OpKind.Memory)
        {
            uint offset = _processor.Port.EffectiveAddress(in instruction, out SegmentName segment);
            return _processor.Segment(segment).Base + offset;
        }

        if (instruction.IsStringInstruction)
        {
            bool input = instruction.Mnemonic is Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd;
            return _processor.Segment(input ? SegmentName.ES : Operand.Segment(instruction.MemorySegment)).Base + value;
        }

        return 0;
    }
}
