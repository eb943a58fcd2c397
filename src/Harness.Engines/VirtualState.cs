namespace Harness.Engines;

/// <summary>Where translated code goes on: in the cache's code segment, whose base is 0, and with its data in GS, which the guest's code there does not use.</summary>
internal readonly record struct TranslatedCode(ushort Selector, ushort DataSelector, uint Eip);

/// <summary>
/// The VM map and its inverse: between the guest's virtual registers, which the emulator holds, and what the processor holds while the guest runs on it. A
/// segment register is known by its selector alone; its hidden part is taken to be what the guest's table says now.
/// </summary>
internal sealed class VirtualState(Emulator emulator, DirectExecution direct, ShadowTable gdt, ShadowTable ldt)
{
    /// <summary>A null selector that stands in the place of a segment that cannot be loaded; guests null their segments by 0.</summary>
    private const ushort StandIn = 3;

    /// <summary>Flags that the guest has virtually only: really IF is 1 and IOPL is 0, always.</summary>
    private const uint VirtualFlags = Eflags.IF | Eflags.IOPL | Eflags.VM | Eflags.VIF | Eflags.VIP;
    private const int Breakpoints = 0xFF;

    private static readonly SegmentName[] Data = [SegmentName.ES, SegmentName.DS, SegmentName.FS, SegmentName.GS];
    private readonly ushort[] _real = new ushort[(int)SegmentName.GS + 1];

    /// <summary>
    /// Fills the frame with which the guest goes on directly, or from translated code. False: CS or SS cannot be loaded, or a segment of translated code is no
    /// longer what its descriptor says; the guest has to be emulated.
    /// </summary>
    public bool TryExport(TrapFrame frame, TranslatedCode? translated = null)
    {
        int ring = emulator.Cpl == 0 ? direct.KernelRing : 3;
        gdt.SetUserRuns(emulator.Cpl == 3);
        ldt.SetUserRuns(emulator.Cpl == 3);
        ref SegmentRegister code = ref emulator.Segment(SegmentName.CS);
        ref SegmentRegister stack = ref emulator.Segment(SegmentName.SS);
        Descriptor codeDescriptor = default;
        Descriptor shadow;
        if ((translated is null && (!TryFind(code.Selector, out codeDescriptor, out shadow)
            || !shadow.IsPresent || !shadow.IsCode || (shadow.IsConforming ? shadow.Dpl > ring : shadow.Dpl != ring) || emulator.Eip > shadow.Limit))
            || (translated is not null && HasHiddenState())
            || !TryFind(stack.Selector, out Descriptor stackDescriptor, out shadow)
            || !shadow.IsPresent || !shadow.IsWritableData || shadow.Dpl != ring)
        {
            return false;
        }

        if (translated is null)
        {
            Load(ref code, code.Selector, codeDescriptor);
        }

        Load(ref stack, stack.Selector, stackDescriptor);
        _real[(int)SegmentName.CS] = frame.Cs = translated?.Selector ?? WithRing(code.Selector, ring);
        _real[(int)SegmentName.SS] = frame.Ss = WithRing(stack.Selector, ring);
        foreach (SegmentName name in Data)
        {
            _real[(int)name] = ExportData(ref emulator.Segment(name));
        }

        if (translated is { } cache)
        {
            _real[(int)SegmentName.GS] = cache.DataSelector;
        }

        frame.Es = _real[(int)SegmentName.ES];
        frame.Ds = _real[(int)SegmentName.DS];
        frame.Fs = _real[(int)SegmentName.FS];
        frame.Gs = _real[(int)SegmentName.GS];
        for (int number = 0; number < 8; number++)
        {
            frame[number] = emulator.Gpr(number);
        }

        frame.Eip = translated?.Eip ?? emulator.Eip;
        frame.Eflags = (emulator.Flags & ~VirtualFlags) | Eflags.IF;
        emulator.RegistersChanged();
        return true;
    }

    /// <summary>Takes over what the guest did directly.</summary>
    public void Import(TrapFrame frame)
    {
        for (int number = 0; number < 8; number++)
        {
            emulator.Gpr(number) = frame[number];
        }

        emulator.Eip = frame.Eip;

        // Faults set RF in the frame; without breakpoints it is taken for the fault's, which it must not outlive: the guest's own is lost. A debug trap has RF as the guest's own frame will.
        uint resume = (emulator.System.Dr7 & Breakpoints) == 0 && frame.Vector != (byte)Vector.DB ? Eflags.RF : 0;
        emulator.Flags = VirtualFlagsOf(frame.Eflags) & ~resume;
        emulator.Cpl = CplOf(frame.Cs);
        Import(SegmentName.CS, frame.Cs);
        Import(SegmentName.SS, frame.Ss);
        Import(SegmentName.ES, frame.Es);
        Import(SegmentName.DS, frame.Ds);
        Import(SegmentName.FS, frame.Fs);
        Import(SegmentName.GS, frame.Gs);
        emulator.RegistersChanged();
    }

    /// <summary>As <see cref="IMonitor.Translate"/>.</summary>
    public void Translate(ref GuestRegisters registers)
    {
        int cpl = CplOf(registers.Cs);
        registers.Cpl = cpl;
        registers.SystemFlags = VirtualFlagsOf(registers.SystemFlags);
        registers.Cs = VirtualSelector(SegmentName.CS, registers.Cs, cpl);
        registers.Ss = VirtualSelector(SegmentName.SS, registers.Ss, cpl);
        registers.Ds = VirtualSelector(SegmentName.DS, registers.Ds, cpl);
        registers.Es = VirtualSelector(SegmentName.ES, registers.Es, cpl);
        registers.Fs = VirtualSelector(SegmentName.FS, registers.Fs, cpl);
        registers.Gs = VirtualSelector(SegmentName.GS, registers.Gs, cpl);
        registers.Ldtr = emulator.Segment(SegmentName.LDTR).Selector;
        registers.Tr = emulator.Segment(SegmentName.TR).Selector;
        registers.GdtrBase = emulator.Gdtr.Base;
        registers.GdtrLimit = emulator.Gdtr.Limit;
        registers.IdtrBase = emulator.Idtr.Base;
        registers.IdtrLimit = emulator.Idtr.Limit;
        ref SystemRegisters system = ref emulator.System;
        registers.Cr0 = system.Cr0;
        registers.Cr2 = system.Cr2;
        registers.Cr3 = system.Cr3;
        registers.Cr4 = system.Cr4;
        registers.Dr7 = system.Dr7;
    }

    private uint VirtualFlagsOf(uint real) => (real & ~VirtualFlags) | (emulator.Flags & VirtualFlags);

    /// <summary>
    /// Where kernel and user share ring 3, the code that runs tells the level of a kernel that has left for its user without a trap; a user that jumps to code of
    /// the kernel stays one.
    /// </summary>
    private int CplOf(ushort realCode) =>
        direct.KernelRing != 3 ? Selector.Rpl(realCode) == 3 ? 3 : 0
        : emulator.Cpl == 3 || (TryFind(realCode, out Descriptor descriptor, out _) && descriptor.Dpl == 3) ? 3 : 0;

    private ushort VirtualSelector(SegmentName name, ushort real, int cpl)
    {
        if (name is SegmentName.CS or SegmentName.SS)
        {
            return WithRing(real == _real[(int)name] ? emulator.Segment(name).Selector : real, cpl);
        }

        return real == _real[(int)name] ? emulator.Segment(name).Selector : real;
    }

    private void Import(SegmentName name, ushort real)
    {
        if (real == _real[(int)name])
        {
            return;
        }

        ushort selector = VirtualSelector(name, real, emulator.Cpl);
        _real[(int)name] = real;
        ref SegmentRegister segment = ref emulator.Segment(name);
        if (TryFind(selector, out Descriptor descriptor, out _))
        {
            Load(ref segment, selector, descriptor);
        }
        else
        {
            segment.Set(selector, 0, 0, AccessRights.Unusable);
        }
    }

    /// <summary>The selector that can really be loaded for a data segment.</summary>
    private ushort ExportData(ref SegmentRegister segment)
    {
        ushort selector = segment.Selector;
        if (Selector.IsNull(selector))
        {
            return segment.IsUsable ? StandIn : selector;
        }

        bool loadable = segment.IsUsable && TryFind(selector, out Descriptor descriptor, out Descriptor shadow)
            && shadow.IsPresent && shadow.IsReadable && (shadow.IsConforming || shadow.Dpl >= Selector.Rpl(selector));
        if (!loadable)
        {
            return StandIn;
        }

        TryFind(selector, out descriptor, out _);
        Load(ref segment, selector, descriptor);
        return selector;
    }

    /// <summary>A segment register that translated code uses is not what loading its selector would make it.</summary>
    private bool HasHiddenState()
    {
        foreach (SegmentName name in (ReadOnlySpan<SegmentName>)[SegmentName.SS, SegmentName.ES, SegmentName.DS, SegmentName.FS])
        {
            ref SegmentRegister segment = ref emulator.Segment(name);
            SegmentRegister loaded = segment;
            if (!segment.IsUsable)
            {
                continue;
            }

            if (!TryFind(segment.Selector, out Descriptor descriptor, out _))
            {
                return true;
            }

            Load(ref loaded, segment.Selector, descriptor);
            if (loaded.Base != segment.Base || loaded.Limit != segment.Limit || loaded.Rights != segment.Rights)
            {
                return true;
            }
        }

        return false;
    }

    private bool TryFind(ushort selector, out Descriptor descriptor, out Descriptor shadow)
    {
        descriptor = shadow = default;
        return !Selector.IsNull(selector) && (Selector.IsLocal(selector) ? ldt : gdt).TryFind(selector >> 3, out descriptor, out shadow);
    }

    private static void Load(ref SegmentRegister segment, ushort selector, Descriptor descriptor) =>
        segment.Set(selector, descriptor.Base, descriptor.Limit, descriptor.Rights | AccessRights.Accessed);

    private static ushort WithRing(ushort selector, int ring) => (ushort)((selector & ~Selector.RplMask) | ring);
}
