namespace Harness.Machine;

/// <summary>Flags, control registers, MSRs, ports: what the port delegates.</summary>
public sealed unsafe partial class Processor
{
    internal uint ReadControl(int number)
    {
        ref SystemRegisters system = ref _cpu->State.System;
        uint value = number switch
        {
            0 => system.Cr0,
            2 => system.Cr2,
            3 => system.Cr3,
            4 => system.Cr4,
            _ => 0,
        };
        return IsGuest && Intercepts is not null ? Intercepts.ReadControl(number, value) : value;
    }

    internal uint FilterControlWrite(int number, uint value) =>
        IsGuest && Intercepts is not null ? Intercepts.FilterControlWrite(number, ReadRaw(number), value) : value;

    private uint ReadRaw(int number) => number == 0 ? _cpu->State.System.Cr0 : _cpu->State.System.Cr4;

    internal uint In(ushort port, int size)
    {
        uint value = _bus.In(port, size, Now);
        _observer?.PortAccess(port, size, value, write: false);
        _cpu->Attention |= Attention.Events;
        return value;
    }

    internal void Out(ushort port, int size, uint value)
    {
        _bus.Out(port, size, value, Now);
        _observer?.PortAccess(port, size, value, write: true);
        _cpu->Attention |= Attention.Events;
    }

    internal bool ReadMsr(uint number, out ulong value)
    {
        ref SystemRegisters system = ref _cpu->State.System;
        switch (number)
        {
            case Msr.IA32_TIME_STAMP_COUNTER when Model.Has(Feature.Tsc):
                value = TimeStamp;
                return true;
            case Msr.IA32_SYSENTER_CS when Model.Has(Feature.Sep):
                value = system.SysenterCs;
                return true;
            case Msr.IA32_SYSENTER_ESP when Model.Has(Feature.Sep):
                value = system.SysenterEsp;
                return true;
            case Msr.IA32_SYSENTER_EIP when Model.Has(Feature.Sep):
                value = system.SysenterEip;
                return true;
            case Msr.IA32_EFER when Model.Has(Feature.Nx):
                value = system.Efer;
                return true;
            default:
                break;
        }

        foreach (IMsrUnit unit in _msrUnits)
        {
            if (unit.TryRead(number, out value))
            {
                return true;
            }
        }

        int index = Model.IndexOfMsr(number);
        value = index < 0 ? 0 : _msrs[index];
        return index >= 0;
    }

    /// <summary>Writes of MSRs and resets so far, refused ones too: as long as it stays the same, no WRMSR has changed an MSR.</summary>
    public long MsrWrites { get; private set; }

    internal bool WriteMsr(uint number, ulong value)
    {
        MsrWrites++;
        _cpu->KeepSystem();
        ref SystemRegisters system = ref _cpu->State.System;
        switch (number)
        {
            case Msr.IA32_TIME_STAMP_COUNTER when Model.Has(Feature.Tsc):
                _timeStampBase = value - (ulong)Now;
                return true;
            case Msr.IA32_SYSENTER_CS when Model.Has(Feature.Sep):
                system.SysenterCs = (uint)value;
                return true;
            case Msr.IA32_SYSENTER_ESP when Model.Has(Feature.Sep):
                system.SysenterEsp = (uint)value;
                return true;
            case Msr.IA32_SYSENTER_EIP when Model.Has(Feature.Sep):
                system.SysenterEip = (uint)value;
                return true;
            case Msr.IA32_EFER when Model.Has(Feature.Nx):
                if ((value & ~(ulong)Efer.NXE) != 0)
                {
                    return false;
                }

                system.Efer = value;
                FlushTlb(global: true);
                return true;
            default:
                break;
        }

        foreach (IMsrUnit unit in _msrUnits)
        {
            bool done = unit.TryWrite(number, value, out bool known);
            if (known)
            {
                return done;
            }
        }

        int index = Model.IndexOfMsr(number);
        if (index < 0 || ((value ^ _msrs[index]) & ~Model.Msrs[index].Writable) != 0)
        {
            return false;
        }

        _msrs[index] = value;
        return true;
    }

    /// <summary>RDMSR; false is its #GP(0).</summary>
    public bool TryReadMsr(uint number, out ulong value) => ReadMsr(number, out value);

    /// <summary>WRMSR; false is its #GP(0).</summary>
    public bool TryWriteMsr(uint number, ulong value) => WriteMsr(number, value);

    /// <summary>An unknown leaf answers as the highest basic one (SDM Vol. 2A, CPUID).</summary>
    internal (uint Eax, uint Ebx, uint Ecx, uint Edx) Cpuid(uint leaf, uint subleaf)
    {
        CpuidLeaf? fallback = null;
        foreach (CpuidLeaf l in Model.CpuidLeaves)
        {
            if (l.Leaf == leaf && (l.Subleaf == subleaf || leaf is not (4 or 7 or 0xB or 0xD)))
            {
                return (l.Eax, l.Ebx, l.Ecx, l.Edx);
            }

            if (l.Leaf < 0x80000000)
            {
                fallback = l;
            }
        }

        return fallback is { } f ? (f.Eax, f.Ebx, f.Ecx, f.Edx) : default;
    }

    public void FlushTlb(bool global)
    {
        Paging.Flush(_cpu, global);
        _blocks.ForgetLookups();
    }

    public void InvalidatePage(uint linear)
    {
        Paging.Invalidate(_cpu, linear);
        _blocks.ForgetLookups();
    }

    /// <summary>Alignment checks and data breakpoints take the fast path away: both are decided here, from CR0.AM, EFLAGS.AC and DR7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void CheckAlignmentAndWatch()
    {
        bool align = (_cpu->State.System.Cr0 & Cr0.AM) != 0 && (_cpu->State.OtherFlags & Eflags.AC) != 0;
        bool watch = WatchesData(_cpu->State.System.Dr7);
        if (align != _cpu->CheckingAlignment || watch != _cpu->Watching)
        {
            _cpu->CheckingAlignment = align;
            _cpu->Watching = watch;
            Paging.FlushTags(_cpu);
        }
    }

    private static bool WatchesData(uint dr7)
    {
        if ((dr7 & BreakpointEnables) == 0)
        {
            return false;
        }

        for (int i = 0; i < 4; i++)
        {
            if ((dr7 >> (2 * i) & 3) != 0 && (dr7 >> (16 + 4 * i) & 1) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
