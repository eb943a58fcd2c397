using Harness.Hardware.Vmx.Checks;

namespace Harness.Hardware.Vmx;

/// <summary>VM entries (SDM Vol. 3C, chapter 26).</summary>
public sealed partial class VmxUnit
{
    /// <summary>DR7 bits that a VM entry does not load: 12, 14 and 15.</summary>
    private const uint Dr7Zero = 0xD000;

    private readonly EntryContext _entry;
    private readonly PassedChecks _controlChecks = PassedChecks.Controls();
    private readonly PassedChecks _hostChecks = PassedChecks.Host();
    private readonly PassedChecks _segmentChecks = PassedChecks.GuestSegments();

    /// <summary>VM-entry instruction length while a software event is injected.</summary>
    private uint? _injectedLength;

    /// <summary>
    /// VMLAUNCH or VMRESUME of the current VMCS. Success means that the processor has been given another state: the guest's, or, where the entry failed late
    /// or the injected event led to an exit, the host's from the VMCS.
    /// </summary>
    private VmxResult Enter(bool launch)
    {
        if (_current == NoPointer)
        {
            return VmxResult.FailInvalid;
        }

        if (_processor.Blocking == Shadow.MovSs)
        {
            return Fail(VmInstructionError.EntryBlockedByMovSs);
        }

        if (_region.IsLaunched(_current) == launch)
        {
            return Fail(launch ? VmInstructionError.VmlaunchNonClear : VmInstructionError.VmresumeNonLaunched);
        }

        _region.Load(_current, _vmcs);
        if (_controlChecks.FirstFailure(_entry) is not null)
        {
            return Fail(VmInstructionError.EntryInvalidControls);
        }

        if (_hostChecks.FirstFailure(_entry) is not null)
        {
            return Fail(VmInstructionError.EntryInvalidHostState);
        }

        Report(this, launch ? "VMLAUNCH" : "VMRESUME", VmxResult.Succeed);
        EntryCheck? failure = EntryChecks.FirstFailure(EntryChecks.GuestRegisters, _entry)
            ?? _segmentChecks.FirstFailure(_entry) ?? EntryChecks.FirstFailure(EntryChecks.GuestEvents, _entry);
        if (failure is not null)
        {
            FailEntry(ExitReason.InvalidGuestState, failure.Qualification);
            return VmxResult.Succeed;
        }

        LoadGuest();
        if (LoadMsrs(_vmcs[VmcsField.EntryMsrLoadAddress], _vmcs.Low(VmcsField.EntryMsrLoadCount)) is var failed and not 0)
        {
            FailEntry(ExitReason.MsrLoading, failed);
            return VmxResult.Succeed;
        }

        _region.SetLaunched(_current, true);
        _processor.IsGuest = true;
        _processor.StateChanged();
        Events?.Entry(_processor.State.Eip, _entry.Injection.GetValueOrDefault());
        if (_entry.Injection is { } injection)
        {
            Inject(injection);
        }

        return VmxResult.Succeed;
    }

    private void LoadGuest()
    {
        ref CpuState state = ref _processor.State;
        state.System.Cr0 = (state.System.Cr0 & Cr0Kept) | (_vmcs.Low(VmcsField.GuestCr0) & ~Cr0Kept);
        state.System.Cr3 = _vmcs.Low(VmcsField.GuestCr3);
        state.System.Cr4 = _vmcs.Low(VmcsField.GuestCr4);
        if (Controls(VmcsField.EntryControls, EntryControls.LoadDebugControls))
        {
            state.System.Dr7 = (_vmcs.Low(VmcsField.GuestDr7) & ~Dr7Zero) | DebugBits.Dr7Fixed;
            _processor.Port.WriteMsr(Msr.IA32_DEBUGCTL, _vmcs[VmcsField.GuestIa32Debugctl]);
        }

        state.System.SysenterCs = _vmcs.Low(VmcsField.GuestIa32SysenterCs);
        state.System.SysenterEsp = _vmcs.Low(VmcsField.GuestIa32SysenterEsp);
        state.System.SysenterEip = _vmcs.Low(VmcsField.GuestIa32SysenterEip);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            GuestSegment segment = GuestSegment.Read(_vmcs, name);
            _processor.Segment(name).Set(segment.Selector, segment.Base, segment.Limit, segment.Rights);
        }

        state.Gdtr = new DescriptorTableRegister { Base = _vmcs.Low(VmcsField.GuestGdtrBase), Limit = (ushort)_vmcs.Low(VmcsField.GuestGdtrLimit) };
        state.Idtr = new DescriptorTableRegister { Base = _vmcs.Low(VmcsField.GuestIdtrBase), Limit = (ushort)_vmcs.Low(VmcsField.GuestIdtrLimit) };
        state.Eip = _vmcs.Low(VmcsField.GuestRip);
        _processor.Register(4) = _vmcs.Low(VmcsField.GuestRsp);
        _processor.Flags = _vmcs.Low(VmcsField.GuestRflags);
        state.Cpl = (_processor.Flags & Eflags.VM) != 0 ? 3 : state.Ss.Dpl;
        if (UsesPdptes(state.System.Cr0, state.System.Cr4))
        {
            LoadPdptes(state.System.Cr3);
        }

        LoadNonRegisterState(ref state);
    }

    /// <summary>Pending debug exceptions count where bit 12 or BS says that they are valid (SDM Vol. 3C, 26.6.3).</summary>
    private void LoadNonRegisterState(ref CpuState state)
    {
        uint interruptibility = _vmcs.Low(VmcsField.GuestInterruptibility);
        state.Shadow = (interruptibility & Interruptibility.BlockingByMovSs) != 0 ? Shadow.MovSs
            : (interruptibility & Interruptibility.BlockingBySti) != 0 ? Shadow.Sti
            : Shadow.None;
        state.NmiBlocked = (interruptibility & Interruptibility.BlockingByNmi) != 0;
        state.Activity = _vmcs.Low(VmcsField.GuestActivity) == ActivityState.Hlt ? Activity.Halted : Activity.Active;
        uint pending = _vmcs.Low(VmcsField.GuestPendingDebugExceptions);
        bool valid = (pending & (PendingDebug.EnabledBreakpoint | PendingDebug.BS)) != 0;
        state.PendingDebug = valid ? pending & (PendingDebug.Breakpoints | PendingDebug.BS) : 0;
    }

    /// <summary>
    /// Event injection (SDM Vol. 3C, 26.5.1): the event is delivered through the guest's IDT with RFLAGS as they are. Pending debug exceptions survive only
    /// under blocking by MOV SS and a software event (26.6.3).
    /// </summary>
    private void Inject(uint information)
    {
        ref CpuState state = ref _processor.State;
        bool software = InterruptionInformation.IsSoftware(information);
        bool privileged = InterruptionInformation.Type(information) == InterruptionInformation.PrivilegedSoftwareException;
        if (!software || privileged || state.Shadow != Shadow.MovSs)
        {
            state.PendingDebug = 0;
        }

        _injectedLength = software ? _vmcs.Low(VmcsField.EntryInstructionLength) : null;
        uint? errorCode = (information & InterruptionInformation.HasErrorCode) != 0 ? _vmcs.Low(VmcsField.EntryExceptionErrorCode) : null;
        EventKind kind = KindOf(InterruptionInformation.Type(information));
        _processor.Deliver((byte)information, kind, errorCode, state.Eip + _injectedLength.GetValueOrDefault());
        _injectedLength = null;
        if (kind == EventKind.Nmi)
        {
            state.NmiBlocked = true;
        }
    }

    /// <summary>A hardware exception is delivered as a trap, because the injection pushes RF as the VMCS has it.</summary>
    private static EventKind KindOf(uint type) => type switch
    {
        InterruptionInformation.ExternalInterrupt => EventKind.ExternalInterrupt,
        InterruptionInformation.Nmi => EventKind.Nmi,
        InterruptionInformation.SoftwareInterrupt => EventKind.SoftwareInterrupt,
        InterruptionInformation.PrivilegedSoftwareException => EventKind.PrivilegedSoftwareException,
        InterruptionInformation.SoftwareException => EventKind.SoftwareException,
        _ => EventKind.Trap,
    };
}
