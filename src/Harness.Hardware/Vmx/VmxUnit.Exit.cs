namespace Harness.Hardware.Vmx;

/// <summary>What a VM exit reports (SDM Vol. 3C, 27.2).</summary>
public readonly record struct ExitInformation(ExitReason Reason, uint Qualification)
{
    /// <summary>VM-exit interruption information; 0: not valid.</summary>
    public uint Interruption { get; init; }

    /// <summary>Of the exception that exits; 0 where it has none.</summary>
    public uint ErrorCode { get; init; }

    public uint InstructionLength { get; init; }

    public uint InstructionInformation { get; init; }

    /// <summary>Guest-linear address.</summary>
    public uint LinearAddress { get; init; }

    /// <summary>The exception's own delivery would have pushed RF as 1.</summary>
    public bool SetsResumeFlag { get; init; }
}

/// <summary>VM exits (SDM Vol. 3C, chapter 27).</summary>
public sealed partial class VmxUnit
{
    /// <summary>CR0 bits that neither VM entry nor VM exit loads (SDM Vol. 3C, 26.3.2.1 and 27.5.1).</summary>
    private const uint Cr0Kept = Cr0.ET | Cr0.CD | Cr0.NW | ~Cr0.Defined;
    private const uint HostTableLimit = 0xFFFF;
    private const uint HostTaskLimit = 0x67;
    private const uint FlatData = AccessRights.RealModeData | AccessRights.DB | AccessRights.G;
    private const uint FlatCode = FlatData | AccessRights.Code;

    /// <summary>A VMX instruction in non-root operation; always false.</summary>
    internal bool ExitFromInstruction(ExitReason reason, in Instruction instruction)
    {
        _processor.State.Eip = _processor.InstructionEip;
        Exit(new ExitInformation(reason, InstructionInformation.Displacement(in instruction))
        {
            InstructionLength = (uint)instruction.Length,
            InstructionInformation = InstructionInformation.Of(in instruction),
        });
        return _processor.StateReplaced();
    }

    /// <summary>Leaves non-root operation: records why, saves the guest, loads the host.</summary>
    private void Exit(in ExitInformation exit)
    {
        ref CpuState state = ref _processor.State;
        Events?.Exit(ExitReasons.Name(exit.Reason), (uint)exit.Reason, exit.Qualification, state.Eip, state.Cpl);
        RecordExit(exit);
        SaveGuest(exit);
        _processor.IsGuest = false;
        if (!StoreMsrs(_vmcs[VmcsField.ExitMsrStoreAddress], _vmcs.Low(VmcsField.ExitMsrStoreCount)))
        {
            Abort(VmxAbort.SavingGuestMsrs);
            return;
        }

        _region.Store(_current, _vmcs);
        LeaveToHost();
    }

    /// <summary>A VM entry that failed after the guest state began to load: reason and qualification, and the host state (SDM Vol. 3C, 26.7).</summary>
    private void FailEntry(ExitReason reason, uint qualification)
    {
        Events?.Exit(ExitReasons.Name(reason), (uint)reason, qualification, _vmcs.Low(VmcsField.GuestRip), _processor.State.Cpl);
        _vmcs[VmcsField.ExitReason] = (uint)reason | ExitReasons.EntryFailure;
        _vmcs[VmcsField.ExitQualification] = qualification;
        _region.Store(_current, _vmcs);
        LeaveToHost();
    }

    private void RecordExit(in ExitInformation exit)
    {
        _vmcs[VmcsField.ExitReason] = (uint)exit.Reason;
        _vmcs[VmcsField.ExitQualification] = exit.Qualification;
        _vmcs[VmcsField.ExitInterruptionInformation] = exit.Interruption;
        _vmcs[VmcsField.ExitInterruptionErrorCode] = exit.ErrorCode;
        _vmcs[VmcsField.ExitInstructionLength] = exit.InstructionLength;
        _vmcs[VmcsField.ExitInstructionInformation] = exit.InstructionInformation;
        _vmcs[VmcsField.GuestLinearAddress] = exit.LinearAddress;
        _vmcs[VmcsField.EntryInterruptionInformation] = _vmcs.Low(VmcsField.EntryInterruptionInformation) & ~InterruptionInformation.Valid;
        RecordVectoring(exit);
    }

    /// <summary>The event during whose delivery the exit occurs; a double fault that exits does so directly (SDM Vol. 3C, 27.2.3).</summary>
    private void RecordVectoring(in ExitInformation exit)
    {
        bool direct = exit.Reason switch
        {
            ExitReason.ExceptionOrNmi => (exit.Interruption & InterruptionInformation.VectorMask) == (uint)Vector.DF,
            ExitReason.TaskSwitch => false,
            _ => true,
        };
        if (direct || _processor.InDelivery is not { } original)
        {
            _vmcs[VmcsField.IdtVectoringInformation] = 0;
            _vmcs[VmcsField.IdtVectoringErrorCode] = 0;
            return;
        }

        _vmcs[VmcsField.IdtVectoringInformation] = InterruptionInformation.Of(original);
        _vmcs[VmcsField.IdtVectoringErrorCode] = original.ErrorCode.GetValueOrDefault();
        _vmcs[VmcsField.ExitInstructionLength] = InstructionLength;
    }

    private void SaveGuest(in ExitInformation exit)
    {
        ref CpuState state = ref _processor.State;
        _vmcs[VmcsField.GuestCr0] = state.System.Cr0;
        _vmcs[VmcsField.GuestCr3] = state.System.Cr3;
        _vmcs[VmcsField.GuestCr4] = state.System.Cr4;
        if (Controls(VmcsField.ExitControls, ExitControls.SaveDebugControls))
        {
            _processor.Port.ReadMsr(Msr.IA32_DEBUGCTL, out ulong debugctl);
            _vmcs[VmcsField.GuestDr7] = state.System.Dr7;
            _vmcs[VmcsField.GuestIa32Debugctl] = debugctl;
        }

        _vmcs[VmcsField.GuestIa32SysenterCs] = state.System.SysenterCs;
        _vmcs[VmcsField.GuestIa32SysenterEsp] = state.System.SysenterEsp;
        _vmcs[VmcsField.GuestIa32SysenterEip] = state.System.SysenterEip;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            SaveSegment(name);
        }

        _vmcs[VmcsField.GuestGdtrBase] = state.Gdtr.Base;
        _vmcs[VmcsField.GuestGdtrLimit] = state.Gdtr.Limit;
        _vmcs[VmcsField.GuestIdtrBase] = state.Idtr.Base;
        _vmcs[VmcsField.GuestIdtrLimit] = state.Idtr.Limit;
        _vmcs[VmcsField.GuestRip] = state.Eip;
        _vmcs[VmcsField.GuestRsp] = _processor.Register(4);
        bool resume = exit.SetsResumeFlag || (exit.Reason == ExitReason.TaskSwitch && _processor.InDelivery?.Kind == EventKind.Fault);
        _vmcs[VmcsField.GuestRflags] = _processor.Flags | (resume ? Eflags.RF : 0);
        _vmcs[VmcsField.GuestActivity] = state.Activity == Activity.Halted ? ActivityState.Hlt : ActivityState.Active;
        uint blocking = _processor.Blocking switch { Shadow.Sti => Interruptibility.BlockingBySti, Shadow.MovSs => Interruptibility.BlockingByMovSs, _ => 0 };
        _vmcs[VmcsField.GuestInterruptibility] = blocking | (state.NmiBlocked ? Interruptibility.BlockingByNmi : 0);
        _vmcs[VmcsField.GuestPendingDebugExceptions] = PendingDebugExceptions(exit);
    }

    /// <summary>Only blocking by MOV SS leaves debug exceptions pending at an exit, unless a debug exception is what exits (SDM Vol. 3C, 27.3.4).</summary>
    private uint PendingDebugExceptions(in ExitInformation exit)
    {
        bool isDebug = exit.Reason == ExitReason.ExceptionOrNmi && (exit.Interruption & InterruptionInformation.VectorMask) == (uint)Vector.DB;
        uint held = isDebug ? 0 : _processor.HeldDebug;
        uint breakpoints = held & PendingDebug.Breakpoints;
        return breakpoints | (breakpoints != 0 ? PendingDebug.EnabledBreakpoint : 0) | (held & PendingDebug.BS);
    }

    /// <summary>The DPL of SS is the CPL, even where SS is unusable (SDM Vol. 3C, 24.4.1).</summary>
    private void SaveSegment(SegmentName name)
    {
        ref SegmentRegister segment = ref _processor.Segment(name);
        uint rights = segment.Rights;
        if (name == SegmentName.SS)
        {
            rights = (rights & ~AccessRights.DplMask) | (uint)_processor.State.Cpl << AccessRights.DplShift;
        }

        GuestSegment.Write(_vmcs, name, segment.Selector, segment.Base, segment.Limit, rights);
    }

    /// <summary>Host state, then the VM-exit MSR-load list (SDM Vol. 3C, 27.5 and 27.6).</summary>
    private void LeaveToHost()
    {
        LoadHost();
        if (UsesPdptes(_vmcs.Low(VmcsField.HostCr0), _vmcs.Low(VmcsField.HostCr4)) && !LoadPdptes(_vmcs.Low(VmcsField.HostCr3)))
        {
            Abort(VmxAbort.HostPdptes);
        }
        else if (LoadMsrs(_vmcs[VmcsField.ExitMsrLoadAddress], _vmcs.Low(VmcsField.ExitMsrLoadCount)) != 0)
        {
            Abort(VmxAbort.LoadingHostMsrs);
        }

        _processor.StateChanged();
    }

    private void LoadHost()
    {
        ref CpuState state = ref _processor.State;
        _processor.IsGuest = false;
        state.System.Cr0 = (state.System.Cr0 & Cr0Kept) | (_vmcs.Low(VmcsField.HostCr0) & ~Cr0Kept);
        state.System.Cr3 = _vmcs.Low(VmcsField.HostCr3);
        state.System.Cr4 = _vmcs.Low(VmcsField.HostCr4);
        state.System.Dr7 = DebugBits.Dr7Fixed;
        _processor.Port.WriteMsr(Msr.IA32_DEBUGCTL, 0);
        state.System.SysenterCs = _vmcs.Low(VmcsField.HostIa32SysenterCs);
        state.System.SysenterEsp = _vmcs.Low(VmcsField.HostIa32SysenterEsp);
        state.System.SysenterEip = _vmcs.Low(VmcsField.HostIa32SysenterEip);
        state.Cs.Set((ushort)_vmcs.Low(VmcsField.HostCsSelector), 0, uint.MaxValue, FlatCode);
        LoadHostData(ref state.Es, VmcsField.HostEsSelector, 0);
        LoadHostData(ref state.Ss, VmcsField.HostSsSelector, 0);
        LoadHostData(ref state.Ds, VmcsField.HostDsSelector, 0);
        LoadHostData(ref state.Fs, VmcsField.HostFsSelector, _vmcs.Low(VmcsField.HostFsBase));
        LoadHostData(ref state.Gs, VmcsField.HostGsSelector, _vmcs.Low(VmcsField.HostGsBase));
        state.Ldtr.Set(0, 0, 0, AccessRights.Unusable);
        state.Tr.Set((ushort)_vmcs.Low(VmcsField.HostTrSelector), _vmcs.Low(VmcsField.HostTrBase), HostTaskLimit, AccessRights.P | SystemType.BusyTss32);
        state.Gdtr = new DescriptorTableRegister { Base = _vmcs.Low(VmcsField.HostGdtrBase), Limit = (ushort)HostTableLimit };
        state.Idtr = new DescriptorTableRegister { Base = _vmcs.Low(VmcsField.HostIdtrBase), Limit = (ushort)HostTableLimit };
        state.Cpl = 0;
        state.Eip = _vmcs.Low(VmcsField.HostRip);
        _processor.Register(4) = _vmcs.Low(VmcsField.HostRsp);
        _processor.Flags = Eflags.Fixed;
        state.Activity = Activity.Active;
        state.Shadow = Shadow.None;
        state.PendingDebug = 0;
    }

    private void LoadHostData(ref SegmentRegister segment, VmcsField selectorField, uint @base)
    {
        ushort selector = (ushort)_vmcs.Low(selectorField);
        segment.Set(selector, @base, uint.MaxValue, FlatData | (Selector.IsNull(selector) ? AccessRights.Unusable : 0));
    }

    /// <summary>VMX abort: the indicator in the VMCS region, then shutdown (SDM Vol. 3C, 27.7).</summary>
    private void Abort(VmxAbort indicator)
    {
        _processor.IsGuest = false;
        _region.SetAbort(_current, indicator);
        _processor.State.Activity = Activity.Shutdown;
        _processor.StateChanged();
    }
}
