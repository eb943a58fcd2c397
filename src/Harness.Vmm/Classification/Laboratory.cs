namespace Harness.Vmm.Classification;

/// <summary>
/// A machine of one model on which single instructions run in any situation, each time from the same memory. Two copies of the standard memory lie side by side, so
/// that relocation is a move to the other copy.
/// </summary>
public sealed class Laboratory : IDisposable, IProcessorEvents
{
    private const long Start = 1_000_000;
    private const long Later = 7_000_000;
    private const int LongestRepetition = 8;

    /// <summary>IA32_PMC0 to IA32_PMC7, which RDPMC reads.</summary>
    private const uint FirstPerformanceCounter = 0xC1;
    private const uint LastPerformanceCounter = 0xC8;

    private readonly ProcessorModel _model;
    private readonly Ram _ram = new(2 * LabLayout.CopyBytes);
    private readonly LabBus _bus = new();
    private readonly Processor _processor;
    private readonly Processor _otherPlatform;
    private readonly byte[] _initial = new byte[2 * LabLayout.CopyBytes];
    private readonly List<(uint Address, int Size)> _stores = [];

    /// <summary>Those that an instruction can change: only they are put and looked at.</summary>
    private readonly MsrDescription[] _writable;
    private readonly ulong[] _msrs;

    /// <summary>What <see cref="_msrs"/> holds: whose, after how many writes, and what decided the values.</summary>
    private (Processor Processor, long Writes, bool Traps, Axis Axis)? _put;
    private readonly byte[] _pristine;
    private Setting? _setting;
    private MemoryProtection _protection;
    private (Vector Vector, uint? ErrorCode)? _trap;

    /// <summary>Builds memory and processors; the model's extensions are attached.</summary>
    public Laboratory(ProcessorModel model)
    {
        _model = model;
        var memory = new PhysicalMemory(_ram);
        memory.MapRam(0, 2 * LabLayout.CopyBytes, 0, MapSide.Both);
        for (uint copy = 0; copy < 2; copy++)
        {
            uint physical = copy * LabLayout.CopyBytes;
            byte[] image = LabLayout.Build(physical);
            LabVmx.Build(model, image, physical);
            image.CopyTo(_initial, (int)physical);
        }

        // Tables that hold physical addresses differ between the copies, but settings never lie over them.
        _pristine = _initial[..(int)LabLayout.CopyBytes];

        _ram.Write(0, _initial);
        _processor = Make(model, memory);
        _otherPlatform = Make(model.WithCpuid(l => l with { Eax = l.Eax ^ 0x10, Ebx = ~l.Ebx, Ecx = l.Ecx ^ 0x10, Edx = l.Edx ^ 0x10 }), memory);
        _writable = [.. model.Msrs.Where(m => m.Writable != 0)];
        _msrs = new ulong[_writable.Length];
    }

    /// <summary>The model has VT-x: settings may ask for VMX operation.</summary>
    public bool HasVmx => _processor.Intercepts is not null && _model.Has(Feature.Vmx);

    /// <inheritdoc/>
    public void Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl) => _trap ??= ((Vector)vector, errorCode);

    /// <inheritdoc/>
    public void Dispose()
    {
        _processor.Dispose();
        _otherPlatform.Dispose();
        _ram.Dispose();
    }

    /// <summary>Executes the setting's instruction once, REP to its end, from exactly the same memory each time.</summary>
    /// <param name="setting">What is executed.</param>
    /// <param name="situation">In which situation.</param>
    /// <param name="outcome">Takes the result: it is large, and a classification has millions. Null: a new one.</param>
    public Outcome Run(Setting setting, Situation situation, Outcome? outcome = null)
    {
        outcome ??= new Outcome();
        outcome.Clear();
        Place(setting);
        Protect(situation.Configuration.Protection);
        Processor processor = situation.Axis == Axis.Platform ? _otherPlatform : _processor;
        _bus.Platform = situation.Axis == Axis.Platform ? 1u : 0;
        if (setting.Vmx != VmxOperation.Off)
        {
            EnterVmx(processor, setting.Vmx, situation);
        }

        PutMsrs(processor, situation);
        _put = setting.Vmx == VmxOperation.Off ? Put(processor, situation) : null;
        Enter(processor, setting, situation);
        _stores.Clear();
        _trap = null;
        string operation = processor.Intercepts?.Operation ?? "";
        outcome.Start = processor.State;
        outcome.StartFlags = processor.Flags;
        ulong clock = processor.TimeStamp - (ulong)processor.Ticks;
        for (int i = 0; i < LongestRepetition && processor.State.Eip == outcome.Start.Eip && _trap is null; i++)
        {
            _ = processor.Run(processor.Ticks + 1);
        }

        bool clockMoved = processor.TimeStamp - (ulong)processor.Ticks != clock;
        outcome.End = processor.State;
        outcome.EndFlags = processor.Flags;
        outcome.Trap = _trap?.Vector;
        outcome.ErrorCode = _trap?.ErrorCode;
        outcome.Registers = GeneralRegisters(processor);
        outcome.Ports = _bus.Take();
        outcome.EnteredGuest = processor.IsGuest;
        outcome.Operation = (operation, processor.Intercepts?.Operation ?? "");
        outcome.Memory = TakeStores();
        outcome.ChangedMsr = clockMoved ? "time-stamp counter" : _put?.Writes == processor.MsrWrites ? null : ChangedMsr(processor);
        if (clockMoved)
        {
            processor.Reset();
        }

        if (setting.Vmx != VmxOperation.Off)
        {
            processor.IsGuest = false;
            processor.Intercepts!.Reset();
        }

        return outcome;
    }

    private static uint[] GeneralRegisters(Processor processor)
    {
        uint[] registers = new uint[8];
        for (int i = 0; i < registers.Length; i++)
        {
            registers[i] = processor.Register(i);
        }

        return registers;
    }

    private Processor Make(ProcessorModel model, PhysicalMemory memory)
    {
        var processor = new Processor(model, memory, _bus) { Events = this, ReportStores = true };
        processor.StoreSeen += (address, size) => _stores.Add(((uint)address.Value, size));
        return processor;
    }

    /// <summary>Puts the setting's bytes into both copies in place of the last one's.</summary>
    private void Place(Setting setting)
    {
        if (ReferenceEquals(setting, _setting))
        {
            return;
        }

        if (_setting is { } old)
        {
            ForEachRange(old, (address, bytes) => Put(address, _pristine.AsSpan((int)address, bytes.Length)));
        }

        ForEachRange(setting, (address, bytes) => Put(address, bytes));
        _setting = setting;
    }

    private static void ForEachRange(Setting setting, Action<uint, byte[]> action)
    {
        foreach (SettingBytes part in setting.Memory)
        {
            action(part.Address, part.Bytes);
        }

        action(LabLayout.Code + LabLayout.InstructionOffset, setting.Code);
    }

    /// <summary>Writes the tables as a protection has them.</summary>
    private void Protect(MemoryProtection protection)
    {
        if (protection == _protection)
        {
            return;
        }

        _protection = protection;
        LabLayout.Protect(_pristine, protection);
        for (uint copy = 0; copy < 2; copy++)
        {
            Span<byte> image = _initial.AsSpan((int)(copy * LabLayout.CopyBytes), (int)LabLayout.CopyBytes);
            LabLayout.Protect(image, protection);
            _ram.Write(copy * LabLayout.CopyBytes + LabLayout.Gdt, image.Slice((int)LabLayout.Gdt, LabLayout.GdtLimit + 1));
            _ram.Write(copy * LabLayout.CopyBytes + LabLayout.PageTable, image.Slice((int)LabLayout.PageTable, Ram.PageSize));
        }
    }

    private void Put(uint address, ReadOnlySpan<byte> bytes)
    {
        for (uint copy = 0; copy < 2; copy++)
        {
            uint at = address + copy * LabLayout.CopyBytes;
            bytes.CopyTo(_initial.AsSpan((int)at));
            _ram.Write(at, bytes);
        }
    }

    /// <summary>What changed, by offset in the copy; memory is as before again.</summary>
    private IReadOnlyList<(uint Address, byte Value)> TakeStores()
    {
        if (_stores.Count == 0)
        {
            return [];
        }

        var changed = new SortedDictionary<uint, byte>();
        foreach ((uint address, int size) in _stores)
        {
            int count = (int)Math.Min(size, 2L * LabLayout.CopyBytes - address);
            if (count <= 0)
            {
                continue;
            }

            ReadOnlySpan<byte> now = _ram.Read(address, count);
            Span<byte> before = _initial.AsSpan((int)address, count);
            if (now.SequenceEqual(before))
            {
                continue;
            }

            for (int i = 0; i < count; i++)
            {
                if (now[i] != before[i])
                {
                    changed[(address + (uint)i) % LabLayout.CopyBytes] = now[i];
                }
            }

            _ram.Write(address, before);
        }

        return [.. changed.Select(c => (c.Key, c.Value))];
    }

    private static (Processor, long, bool, Axis) Put(Processor processor, Situation situation) =>
        (processor, processor.MsrWrites, situation.Configuration.Traps, situation.Axis is Axis.Time or Axis.ControlRegisters ? situation.Axis : Axis.None);

    private void PutMsrs(Processor processor, Situation situation)
    {
        if (_put == Put(processor, situation))
        {
            return;
        }

        for (int i = 0; i < _msrs.Length; i++)
        {
            MsrDescription msr = _writable[i];
            bool counter = msr.Number is >= FirstPerformanceCounter and <= LastPerformanceCounter;
            ulong other = msr.Reset ^ (msr.Writable & (0 - msr.Writable));
            ulong wanted = msr.Number == Msr.MISC_FEATURES_ENABLES ? (situation.Configuration.Traps && _model.Has(Feature.CpuidFaulting) ? 1u : 0)
                : counter ? msr.Reset + (situation.Axis == Axis.Time ? 1000u : 0)
                : situation.Axis == Axis.ControlRegisters ? other
                : msr.Reset;
            MachinePort port = processor.Port;
            if (port.ReadMsr(msr.Number, out _msrs[i]) && _msrs[i] != wanted)
            {
                _ = port.WriteMsr(msr.Number, wanted);
                _ = port.ReadMsr(msr.Number, out _msrs[i]);
            }
        }
    }

    private string? ChangedMsr(Processor processor)
    {
        MachinePort port = processor.Port;
        for (int i = 0; i < _msrs.Length; i++)
        {
            if (port.ReadMsr(_writable[i].Number, out ulong value) && value != _msrs[i])
            {
                return _writable[i].Name;
            }
        }

        return null;
    }

    private void EnterVmx(Processor processor, VmxOperation operation, Situation situation)
    {
        processor.Intercepts!.Reset();
        for (uint copy = 0; copy < 2; copy++)
        {
            // The unit writes to its regions past the processor: what an earlier setting left there goes.
            int regions = (int)(LabLayout.VmxRegions + copy * LabLayout.CopyBytes);
            _ram.Write(regions, _initial.AsSpan(regions, LabLayout.VmxRegionCount * Ram.PageSize));
        }

        MachinePort port = processor.Port;
        _ = port.WriteMsr(Msr.IA32_FEATURE_CONTROL, 5);
        if (operation >= VmxOperation.Root)
        {
            Enter(processor, _setting!, situation with { Side = Side.Supervisor, Configuration = MonitorConfiguration.Permissive });
            processor.State.Eip = LabVmx.Start;
            processor.StateChanged();
            _ = processor.Run(processor.Ticks + LabVmx.Length(operation, _model));
            if (!processor.Intercepts.Operation.StartsWith("on, VMCS ", StringComparison.Ordinal) || processor.IsGuest)
            {
                throw new InvalidOperationException("The laboratory's code did not lead into VMX operation with a current VMCS.");
            }
        }
    }

    private void Enter(Processor processor, Setting setting, Situation situation)
    {
        ref CpuState state = ref processor.State;
        bool moved = situation.Axis == Axis.Segments;
        uint segments = moved ? LabLayout.CopyBytes : 0;
        uint tables = situation.Axis == Axis.Tables ? LabLayout.CopyBytes : 0;
        state.System = new SystemRegisters { SysenterCs = LabLayout.Code0, SysenterEip = 0x400 };
        PutControl(_model, ref state.System, setting, situation);
        state.PendingDebug = 0;
        state.Shadow = Shadow.None;
        state.Activity = Activity.Active;
        state.NmiBlocked = false;
        state.Eip = LabLayout.InstructionOffset;
        state.Cpl = situation.Side == Side.User ? 3 : 0;
        state.Gdtr = new DescriptorTableRegister { Base = LabLayout.Gdt + tables, Limit = LabLayout.GdtLimit };
        state.Idtr = new DescriptorTableRegister { Base = LabLayout.Idt + tables, Limit = LabLayout.IdtLimit };
        state.Ldtr.Set(tables == 0 ? LabLayout.LdtSelector : LabLayout.LdtSelectorMoved, LabLayout.Ldt + tables, LabLayout.LdtLimit, AccessRights.P | SystemType.Ldt);
        MonitorConfiguration configuration = situation.Configuration;
        uint tssLimit = configuration.Traps ? LabLayout.TssBitmap - 1 : LabLayout.TssEnd - 1;
        state.Tr.Set(tables == 0 ? LabLayout.TssSelector : LabLayout.TssSelectorMoved, LabLayout.Tss + tables, tssLimit, AccessRights.P | SystemType.BusyTss32);
        PutSegments(ref state, situation, segments);
        for (int i = 0; i < 8; i++)
        {
            processor.Register(i) = setting.Registers[i];
        }

        processor.Flags = FlagsOf(setting, situation);
        processor.Ticks = situation.Axis == Axis.Time ? Later : Start;
        processor.StateChanged();
    }

    /// <summary>EFLAGS with which a setting starts. VIF and VIP mean something only where there are virtual interrupts (SDM Vol. 3B, 20.3 and 20.4).</summary>
    internal static uint FlagsOf(Setting setting, Situation situation)
    {
        bool isVirtual = situation.Configuration.VirtualInterrupts;
        bool isOther = situation.Axis == Axis.InterruptFlag;
        uint drawn = setting.Flags & ~(isVirtual ? 0 : Eflags.VIF | Eflags.VIP);
        return (drawn ^ (isVirtual && isOther ? Eflags.VIF : 0)) | Eflags.Fixed | (isOther ? 0 : Eflags.IF)
            | (uint)situation.Configuration.Iopl << Eflags.IoplShift | (situation.IsVirtual8086 ? Eflags.VM : 0);
    }

    /// <summary>Control and debug registers with which a setting starts.</summary>
    internal static void PutControl(ProcessorModel model, ref SystemRegisters system, Setting setting, Situation situation)
    {
        bool other = situation.Axis == Axis.ControlRegisters;
        MonitorConfiguration configuration = situation.Configuration;
        system.Cr0 = Cr0.ET | (model.Has(Feature.I486) ? Cr0.NE : 0) | (setting.TaskSwitched ? Cr0.TS : 0) | (other ? Cr0.MP : 0)
            | (situation.IsReal ? 0 : Cr0.PE | Cr0.PG);

        // Without paging CR3 leads nowhere, and is one of the registers that a monitor may keep.
        system.Cr3 = LabLayout.PageDirectory + (situation.Axis == Axis.Memory || (other && situation.IsReal) ? LabLayout.CopyBytes : 0);
        system.Cr2 = other ? 0xC000u : 0x8000;
        system.Dr0 = system.Dr1 = system.Dr2 = system.Dr3 = other ? 0x1234u : 0;
        system.Dr6 = DebugBits.Dr6Fixed | (other ? DebugBits.BS : 0);
        system.SysenterEsp = other ? 0x180u : 0x100;
        system.Efer = other && model.Has(Feature.Nx) ? Efer.NXE : 0;
        system.Dr7 = DebugBits.Dr7Fixed | (other ? DebugBits.LE : 0);
        uint cr4 = 0;
        cr4 |= other && model.Has(Feature.Mce) ? Cr4.MCE : 0;
        cr4 |= configuration.Traps && model.Has(Feature.Tsc) ? Cr4.TSD : 0;
        cr4 |= !configuration.Traps && model.Has(Feature.Pmc) ? Cr4.PCE : 0;
        cr4 |= configuration.Traps && model.Has(Feature.Umip) ? Cr4.UMIP : 0;
        cr4 |= configuration.VirtualInterrupts ? Cr4.VME | Cr4.PVI : 0;
        cr4 |= setting.Vmx != VmxOperation.Off ? Cr4.VMXE : 0;
        cr4 |= configuration.Protection switch { MemoryProtection.Smep => Cr4.SMEP, MemoryProtection.Smap => Cr4.SMAP, _ => 0 };
        system.Cr4 = cr4;
    }

    private static void PutSegments(ref CpuState state, Situation situation, uint move)
    {
        const uint data = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed;
        if (situation.Mode != GuestMode.Protected)
        {
            uint rights = data | (situation.IsVirtual8086 ? AccessRights.DplMask : 0);
            state.Cs.Set((ushort)((LabLayout.Code + move) >> 4), LabLayout.Code + move, 0xFFFF, rights | (situation.IsReal ? AccessRights.Code : 0));
            state.Ss.Set((ushort)((LabLayout.Stack + move) >> 4), LabLayout.Stack + move, 0xFFFF, rights);
            Data(ref state.Ds, 0, rights);
            Data(ref state.Es, 1, rights);
            Data(ref state.Fs, 2, rights);
            Data(ref state.Gs, 3, rights);
            return;
        }

        bool user = situation.Side == Side.User;
        uint dpl = user ? AccessRights.DplMask : 0;
        state.Cs.Set((ushort)(user ? LabLayout.Code3 | 3 : LabLayout.Code0), LabLayout.Code + move, 0xFFF, data | AccessRights.Code | AccessRights.DB | dpl);
        state.Ss.Set((ushort)(user ? LabLayout.Stack3 | 3 : LabLayout.Stack0), LabLayout.Stack + move, 0xFFF, data | AccessRights.DB | dpl);
        bool supervisors = situation.Configuration.Protection == MemoryProtection.SupervisorSegments;
        if (supervisors && user)
        {
            // The selectors are those of the other side, so that reading them tells nothing.
            state.Ds.Set(LabLayout.DataDs, 0, 0, AccessRights.Unusable);
            state.Es.Set(LabLayout.DataEs, 0, 0, AccessRights.Unusable);
            state.Fs.Set(LabLayout.DataFs, 0, 0, AccessRights.Unusable);
            state.Gs.Set(LabLayout.DataGs, 0, 0, AccessRights.Unusable);
            return;
        }

        uint wide = data | AccessRights.DB | (supervisors ? 0 : AccessRights.DplMask);
        int rpl = supervisors ? 0 : 3;
        state.Ds.Set((ushort)(LabLayout.DataDs | rpl), LabLayout.Data + move, 0xFFF, wide);
        state.Es.Set((ushort)(LabLayout.DataEs | rpl), LabLayout.Data + LabLayout.DataStride + move, 0xFFF, wide);
        state.Fs.Set((ushort)(LabLayout.DataFs | rpl), LabLayout.Data + 2 * LabLayout.DataStride + move, 0xFFF, wide);
        state.Gs.Set((ushort)(LabLayout.DataGs | rpl), LabLayout.Data + 3 * LabLayout.DataStride + move, 0xFFF, wide);

        void Data(ref SegmentRegister segment, uint index, uint rights)
        {
            uint at = LabLayout.Data + index * LabLayout.DataStride + move;
            segment.Set((ushort)(at >> 4), at, 0xFFFF, rights);
        }
    }
}
