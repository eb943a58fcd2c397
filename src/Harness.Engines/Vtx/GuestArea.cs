using Harness.Hardware.Vmx;

namespace Harness.Engines.Vtx;

/// <summary>An event that the next VM entry injects; <paramref name="IsRepeated"/>: its delivery had begun when an exit cut it short.</summary>
internal readonly record struct InjectedEvent(byte Vector, EventKind Kind, uint? ErrorCode, bool IsRepeated = false);

/// <summary>
/// The VM map and its inverse: between the guest's virtual registers, which the emulator holds while the monitor has control, and the guest-state area.
/// </summary>
internal sealed class GuestArea(IHost host, Emulator emulator, VmxInstructions vmx)
{
    private readonly KnownFields _fields = new(vmx);

    /// <summary>CR0 bits that the guest owns; all others are the monitor's, and the guest reads the virtual ones from the read shadow.</summary>
    private const uint GuestCr0 = Cr0.MP | Cr0.EM | Cr0.TS;

    /// <summary>CR4 bits that shape page tables: the shadow has its own format.</summary>
    private const uint PagingCr4 = Cr4.PSE | Cr4.PAE | Cr4.PGE;
    private const uint V86Rights = AccessRights.RealModeData | AccessRights.DplMask;
    private const uint V86Flags = Eflags.VM | Eflags.IOPL;
    private const uint Breakpoints = 0xFF;

    /// <summary>The regime of the last export.</summary>
    public Regime Regime { get; private set; }

    /// <summary>Writes what no entry changes.</summary>
    public void Initialize()
    {
        Write(VmcsField.VmcsLinkPointer, ulong.MaxValue);
        Write(VmcsField.Cr0GuestHostMask, ~GuestCr0);
        Write(VmcsField.Cr4GuestHostMask, uint.MaxValue);
        Write(VmcsField.HostCr0, host.Cr0);
        Write(VmcsField.HostCr3, host.Cr3);
        Write(VmcsField.HostCr4, host.Cr4);
        Write(VmcsField.HostCsSelector, MonitorMemory.CodeSelector);
        Write(VmcsField.HostSsSelector, MonitorMemory.DataSelector);
        Write(VmcsField.HostDsSelector, MonitorMemory.DataSelector);
        Write(VmcsField.HostEsSelector, MonitorMemory.DataSelector);
        Write(VmcsField.HostTrSelector, MonitorMemory.TaskSelector);
        Write(VmcsField.HostTrBase, MonitorMemory.Task);
        Write(VmcsField.HostGdtrBase, MonitorMemory.Gdt);
        Write(VmcsField.HostIdtrBase, MonitorMemory.Idt);
        Write(VmcsField.HostRsp, MonitorMemory.StackTop);
        Write(VmcsField.HostRip, MonitorMemory.ExitEntry);
    }

    public uint Read(VmcsField field) => (uint)_fields.Read(field);

    /// <exception cref="InvalidOperationException">The field cannot be written: a defect of the monitor.</exception>
    public void Write(VmcsField field, ulong value) => _fields.Write(field, value);

    /// <summary>The guest has been left; its state is the processor's until it is imported.</summary>
    public void NoteExit() => _fields.NoteExit();

    /// <summary>Makes the virtual state the guest's, in a regime other than <see cref="Regime.Invalid"/>.</summary>
    public void Export(Regime regime, ShadowSpace space, Span<uint> registers, InjectedEvent? injected)
    {
        Regime = regime;
        bool v86 = regime == Regime.V86;
        ref SystemRegisters system = ref emulator.System;
        for (int number = 0; number < 8; number++)
        {
            registers[number] = emulator.Gpr(number);
        }

        uint cleared = v86 ? Cr0.AM : 0;
        Write(VmcsField.GuestCr0, ((system.Cr0 & (Cr0.Defined & ~Cr0.CD & ~Cr0.NW)) & ~cleared) | Cr0.PE | Cr0.PG | Cr0.NE | Cr0.WP);
        Write(VmcsField.Cr0ReadShadow, system.Cr0);
        Write(VmcsField.GuestCr3, space.Root);
        Write(VmcsField.GuestCr4, (system.Cr4 & ~PagingCr4) | space.Cr4 | Cr4.VMXE | (v86 ? Cr4.VME : 0));
        Write(VmcsField.Cr4ReadShadow, system.Cr4);
        Write(VmcsField.GuestDr7, system.Dr7);
        Write(VmcsField.GuestIa32SysenterCs, system.SysenterCs);
        Write(VmcsField.GuestIa32SysenterEsp, system.SysenterEsp);
        Write(VmcsField.GuestIa32SysenterEip, system.SysenterEip);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            ref SegmentRegister segment = ref emulator.Segment(name);
            if (v86 && name <= SegmentName.GS)
            {
                WriteSegment(name, segment.Selector, segment.Base, ushort.MaxValue, V86Rights);
            }
            else
            {
                WriteSegment(name, segment.Selector, segment.Base, segment.Limit, segment.Rights);
            }
        }

        if (v86)
        {
            WriteSegment(SegmentName.LDTR, 0, 0, 0, AccessRights.Unusable);
            WriteSegment(SegmentName.TR, MonitorMemory.TaskSelector, MonitorMemory.V86Task, MonitorMemory.V86TaskLimit, AccessRights.P | SystemType.BusyTss32);
        }
        else if (!emulator.Segment(SegmentName.TR).IsUsable)
        {
            // A guest that was started in protected mode without a task: too short for any use of it, and VM entry wants one.
            WriteSegment(SegmentName.TR, 0, 0, 0, AccessRights.P | SystemType.BusyTss32);
        }

        Write(VmcsField.GuestGdtrBase, emulator.Gdtr.Base);
        Write(VmcsField.GuestGdtrLimit, emulator.Gdtr.Limit);
        Write(VmcsField.GuestIdtrBase, emulator.Idtr.Base);
        Write(VmcsField.GuestIdtrLimit, emulator.Idtr.Limit);
        Write(VmcsField.GuestRip, emulator.Eip);
        Write(VmcsField.GuestRsp, emulator.Gpr(4));
        uint resume = injected is { Kind: EventKind.Fault } ? Eflags.RF : 0;
        Write(VmcsField.GuestRflags, emulator.Flags | resume | (v86 ? V86Flags : 0));
        Write(VmcsField.GuestInterruptibility, emulator.NmiBlocked ? Interruptibility.BlockingByNmi : 0);
        Write(VmcsField.GuestActivity, ActivityState.Active);

        // A guest with debug traps pending is emulated until they are delivered; an injected exception drops them (SDM Vol. 3C, 26.6.3).
        Write(VmcsField.GuestPendingDebugExceptions, 0);
        host.Cr2 = system.Cr2;
        LoadDebug(0, system.Dr0);
        LoadDebug(1, system.Dr1);
        LoadDebug(2, system.Dr2);
        LoadDebug(3, system.Dr3);
        LoadDebug(6, system.Dr6);
        if (injected is { } e)
        {
            Write(VmcsField.EntryInterruptionInformation, InterruptionInformation.Of(e.Vector, InterruptionInformation.TypeOf(e.Kind), e.ErrorCode.HasValue));
            Write(VmcsField.EntryExceptionErrorCode, e.ErrorCode.GetValueOrDefault());
        }
    }

    /// <summary>Takes over what the guest did directly.</summary>
    public void Import(ReadOnlySpan<uint> registers)
    {
        bool v86 = Regime == Regime.V86;
        ref SystemRegisters system = ref emulator.System;
        for (int number = 0; number < 8; number++)
        {
            emulator.Gpr(number) = registers[number];
        }

        emulator.Gpr(4) = Read(VmcsField.GuestRsp);
        emulator.Eip = Read(VmcsField.GuestRip);
        system.Cr0 = VirtualCr0(Read(VmcsField.GuestCr0));
        system.Cr2 = host.Cr2;
        system.Dr6 = host.ReadDebug(6);
        system.Dr7 = Read(VmcsField.GuestDr7);

        // A #PF that exits saves RF set; without breakpoints it is taken for the fault's, which it must not outlive: the guest's own is lost. An interrupt saves RF as it is.
        bool atBoundary = (ExitReason)(Read(VmcsField.ExitReason) & ushort.MaxValue) is ExitReason.ExternalInterrupt or ExitReason.InterruptWindow;
        uint resume = (system.Dr7 & Breakpoints) == 0 && !atBoundary ? Eflags.RF : 0;
        emulator.Flags = VirtualFlags(Read(VmcsField.GuestRflags)) & ~resume;
        if (v86)
        {
            for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
            {
                ref SegmentRegister segment = ref emulator.Segment(name);
                var selector = (ushort)Read(GuestSegment.SelectorField(name));
                segment.Set(selector, (uint)selector << 4, segment.Limit, segment.Rights);
            }
        }
        else
        {
            ImportProtected();
        }

        uint interruptibility = Read(VmcsField.GuestInterruptibility);
        emulator.Blocking = (interruptibility & Interruptibility.BlockingByMovSs) != 0 ? Shadow.MovSs
            : (interruptibility & Interruptibility.BlockingBySti) != 0 ? Shadow.Sti
            : Shadow.None;
        emulator.PendingDebug = Read(VmcsField.GuestPendingDebugExceptions) & (PendingDebug.Breakpoints | PendingDebug.BS);
        emulator.NmiBlocked = (interruptibility & Interruptibility.BlockingByNmi) != 0;
        emulator.RegistersChanged();
    }

    /// <summary>As <see cref="IMonitor.Translate"/>.</summary>
    public void Translate(ref GuestRegisters registers)
    {
        ref SystemRegisters system = ref emulator.System;
        registers.Cr0 = VirtualCr0(registers.Cr0);
        registers.Cr3 = system.Cr3;
        registers.Cr4 = system.Cr4;
        registers.SystemFlags = VirtualFlags(registers.SystemFlags);
        if (Regime == Regime.V86)
        {
            registers.Cpl = 0;
            registers.Ldtr = emulator.Segment(SegmentName.LDTR).Selector;
            registers.Tr = emulator.Segment(SegmentName.TR).Selector;
        }
    }

    private uint VirtualCr0(uint real) => (real & GuestCr0) | (emulator.System.Cr0 & ~GuestCr0);

    private uint VirtualFlags(uint real) => Regime == Regime.V86 ? (real & ~V86Flags) | (emulator.Flags & V86Flags) : real;

    private void ImportProtected()
    {
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            ref SegmentRegister segment = ref emulator.Segment(name);
            var selector = (ushort)Read(GuestSegment.SelectorField(name));
            uint limit = Read(GuestSegment.LimitField(name));
            bool isStandIn = name == SegmentName.TR && !segment.IsUsable && selector == 0 && limit == 0;
            if (!isStandIn)
            {
                segment.Set(selector, Read(GuestSegment.BaseField(name)), limit, Read(GuestSegment.RightsField(name)));
            }
        }

        emulator.Gdtr = new DescriptorTableRegister { Base = Read(VmcsField.GuestGdtrBase), Limit = (ushort)Read(VmcsField.GuestGdtrLimit) };
        emulator.Idtr = new DescriptorTableRegister { Base = Read(VmcsField.GuestIdtrBase), Limit = (ushort)Read(VmcsField.GuestIdtrLimit) };

        // The DPL of SS is the CPL (SDM Vol. 3C, 24.4.1).
        emulator.Cpl = (int)(Read(VmcsField.GuestSsAccessRights) & AccessRights.DplMask) >> AccessRights.DplShift;
    }

    private void WriteSegment(SegmentName name, ushort selector, uint @base, uint limit, uint rights)
    {
        Write(GuestSegment.SelectorField(name), selector);
        Write(GuestSegment.BaseField(name), @base);
        Write(GuestSegment.LimitField(name), limit);
        Write(GuestSegment.RightsField(name), rights);
    }

    private void LoadDebug(int number, uint value)
    {
        if (host.ReadDebug(number) != value)
        {
            host.WriteDebug(number, value);
        }
    }
}
