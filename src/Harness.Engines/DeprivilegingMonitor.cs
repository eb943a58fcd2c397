using Harness.Engines.Translate;
using Iced.Intel;

namespace Harness.Engines;

/// <summary>One guest under a monitor that runs it, or its users alone, in less privileged rings: run it, take the trap, do what it asked for, go on.</summary>
internal sealed partial class DeprivilegingMonitor : IMonitor
{
    private const uint VirtualControl0 = Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.AM;
    private const uint VirtualControl4 = Cr4.TSD | Cr4.DE | Cr4.PCE | Cr4.OSFXSR | Cr4.OSXMMEXCPT | Cr4.UMIP;
    private const uint DebugCauses = 0xF | DebugBits.BD | DebugBits.BS | DebugBits.BT;

    private readonly IHost _host;
    private readonly Emulator _emulator;
    private readonly GuestMemoryMap _memory;
    private readonly Ledger _ledger;
    private readonly DirectExecution _direct;
    private readonly ShadowSpace _space;
    private readonly MonitorRegion _region;
    private readonly ShadowPages _pages;
    private readonly ShadowTable _gdt;
    private readonly ShadowTable _ldt;
    private readonly GuestLinearMemory _code;
    private readonly VirtualState _state;
    private readonly TrapFrame _frame = new();
    private readonly RetiredCounts _retired;
    private readonly TranslationCache? _cache;
    private ShadowedTables? _shadowed;
    private EngineEvent? _pending;
    private bool _ownsTimeStamp;
    private bool _mapChanged;

    /// <summary>An emulated instruction has written to traced memory since this was set to false.</summary>
    private bool _wroteTraced;

    /// <summary>Where the guest's descriptor tables lie that the shadows were made from.</summary>
    private readonly record struct ShadowedTables(uint GdtBase, ushort GdtLimit, uint LdtBase, int LdtCount);

    public DeprivilegingMonitor(MonitorContext context, DirectExecution direct)
    {
        _host = context.Host;
        _emulator = context.Emulator;
        _memory = context.GuestMemory;
        _ledger = context.Ledger;
        _direct = direct = direct with { Omitted = context.Omitted };
        _retired = context.Retired;
        long tablesEnd = direct.Translation is null ? context.MonitorBytes : CacheData.Start;
        _space = new ShadowSpace(MonitorRegion.Start, MonitorRegion.Directory, tablesEnd, direct.KernelRing == 3, _host.Has(Feature.Nx), direct.HasLargePages);
        int shadowsEach = direct.HasUserShadow ? 2 : 1;
        ShadowSpace[] spaces = _space.Repeat(direct.AddressSpaces * shadowsEach);
        _region = new MonitorRegion(_host, spaces, direct.Translation is not null);
        _code = new GuestLinearMemory(_emulator, _memory);
        _pages = new ShadowPages(_host, _emulator, _memory, spaces, shadowsEach) { Omitted = context.Omitted };
        _cache = direct.Translation is { } options ? new TranslationCache(_host, _emulator, _code, _pages, _ledger, options) : null;
        _gdt = new ShadowTable(_host, _code, _pages, MonitorRegion.Gdt, direct);
        _ldt = new ShadowTable(_host, _code, _pages, MonitorRegion.Ldt, direct);
        _state = new VirtualState(_emulator, direct, _gdt, _ldt);
        _region.Install();
        _emulator.DeviceWrites = page => _memory.Translate(page, write: true) is { } at && _pages.IsTraced((uint)at.Value) ? DeviceWrite.Reported : DeviceWrite.Allowed;
        if (direct.DedicatesRing)
        {
            _host.DedicateRing();
        }

        _emulator.Stored += Stored;
        _emulator.Delivering += Delivering;
        _memory.Changed += MapChanged;
        _memory.FrameChanged += _pages.NoteFrame;
    }

    public string? StopReason { get; private set; }

    public bool IsEmulating { get; private set; } = true;

    public ShadowUse Shadows => _pages.Used;

    public GuestEnd Run(long limit)
    {
        while (true)
        {
            if (IsEmulating && Prepare(limit) is { } end)
            {
                return end;
            }

            long before = _retired.Direct;
            HostReturn back = _host.Resume(_frame);
            CountTranslated(before);
            IsEmulating = back != HostReturn.Ended;
            if (!IsEmulating)
            {
                return _emulator.HasReached(limit) ? GuestEnd.Limit : GuestEnd.Stopped;
            }

            if (HandleTrap() is { } stop)
            {
                return stop;
            }
        }
    }

    public void Dispose()
    {
        _emulator.Stored -= Stored;
        _emulator.Delivering -= Delivering;
        _memory.Changed -= MapChanged;
        _memory.FrameChanged -= _pages.NoteFrame;
    }

    /// <summary>Emulates until the guest can run directly, and makes the processor ready for it.</summary>
    private GuestEnd? Prepare(long limit)
    {
        while (true)
        {
            if (_emulator.HasReached(limit))
            {
                return GuestEnd.Limit;
            }

            _emulator.AdvanceDevices();
            GuestEnd? end = null;
            if (WhyNot() is { } reason)
            {
                StopReason = reason;
                return GuestEnd.Unsupported;
            }

            if (_emulator.EventPending)
            {
                end = Step();
            }
            else if (_emulator.IsHalted)
            {
                end = Outcome(_emulator.Run(Math.Min(limit, _emulator.NextDeadline)));
            }
            else if (!_direct.RunsKernel && !_emulator.InUserMode)
            {
                end = Advance(limit);
            }
            else if (_emulator.InShadow || (_cache is not null && !RunsInRing))
            {
                end = Step();
            }
            else
            {
                ShadowTables();
                if (TryExport())
                {
                    _pages.Use(user: _emulator.Cpl == 3);
                    LoadControls();
                    if (_direct.DedicatesRing)
                    {
                        _region.OpenPorts(_emulator.Cpl == 0);
                    }

                    _host.InterruptAt(_direct.DedicatesRing ? _emulator.NextDeadlineOfOthers : _emulator.NextDeadline);
                    return null;
                }

                end = Step();
            }

            if (end is not null)
            {
                return end;
            }
        }
    }

    /// <summary>What ring deprivileging does not virtualize; there is no such thing where all but user mode is interpreted.</summary>
    private string? WhyNot()
    {
        if (!_direct.RunsKernel || _cache is not null)
        {
            return null;
        }

        ref SystemRegisters system = ref _emulator.System;
        return (system.Cr0 & Cr0.PE) == 0 ? "real mode is not virtualized by ring deprivileging"
            : (_emulator.Flags & Eflags.VM) != 0 ? "virtual-8086 mode is not virtualized by ring deprivileging"
            : _emulator.Cpl is 1 or 2 ? $"the guest entered ring {_emulator.Cpl}; ring deprivileging has no ring for it"
            : null;
    }

    /// <summary>Brings the shadows of GDT and LDT up to date with the virtual GDTR and LDTR and with where they lie.</summary>
    private void ShadowTables()
    {
        if (_mapChanged)
        {
            _mapChanged = false;
            _pages.DropAll();
        }

        _pages.Settle();
        ref SegmentRegister ldtr = ref _emulator.Segment(SegmentName.LDTR);
        int ldtCount = ldtr.IsUsable ? (int)((Math.Min(ldtr.Limit, ushort.MaxValue) + 1) / 8) : 0;
        var now = new ShadowedTables(_emulator.Gdtr.Base, _emulator.Gdtr.Limit, ldtr.Base, ldtCount);
        bool moved = _shadowed is not { } old || old.GdtBase != now.GdtBase || old.GdtLimit != now.GdtLimit;
        if (_shadowed == now && !_pages.Changed)
        {
            return;
        }

        if (_pages.Changed)
        {
            _cache?.Revalidate();
        }

        if (moved)
        {
            int count = (now.GdtLimit + 1) / 8;
            _gdt.Reserved = Math.Min(count, 8192 - _region.Count);
            _gdt.Load(now.GdtBase, count);
            _region.Place((ushort)(_gdt.Reserved * 8));
        }
        else
        {
            _gdt.Refresh();
        }

        if (moved || _shadowed!.Value.LdtBase != now.LdtBase || _shadowed.Value.LdtCount != ldtCount)
        {
            _ldt.Load(now.LdtBase, ldtCount);
            _region.LoadLdt((uint)ldtCount * 8);
        }
        else
        {
            _ldt.Refresh();
        }

        _shadowed = now;
        _pages.Followed();
    }

    /// <summary>Control and debug registers as the guest's virtual ones ask for where the processor can be trusted with them.</summary>
    private void LoadControls()
    {
        ref SystemRegisters system = ref _emulator.System;

        // RDTSC has to read what the guest wrote, in whatever way: from then on it traps.
        _ownsTimeStamp = _ownsTimeStamp || (_host.Has(Feature.Tsc) && _host.ReadMsr(Msr.IA32_TIME_STAMP_COUNTER, out ulong real) && _emulator.TimeStamp != real);
        uint cr0 = Cr0.PE | Cr0.PG | Cr0.ET | (_host.Has(Feature.I486) ? Cr0.WP : 0) | (system.Cr0 & VirtualControl0);
        uint cr4 = (system.Cr4 & VirtualControl4) | _space.Cr4 | (_ownsTimeStamp ? Cr4.TSD : 0);
        if (_cache is not null && _emulator.Cpl == 0)
        {
            // Translated code reads the real time-stamp counter and corrects it.
            cr4 &= ~Cr4.TSD;
        }

        if (_host.Cr0 != cr0)
        {
            _host.Cr0 = cr0;
        }

        if (_host.Cr4 != cr4)
        {
            _host.Cr4 = cr4;
        }

        LoadDebug(0, system.Dr0);
        LoadDebug(1, system.Dr1);
        LoadDebug(2, system.Dr2);
        LoadDebug(3, system.Dr3);
        LoadDebug(6, DebugBits.Dr6Fixed);
        LoadDebug(7, system.Dr7 & ~DebugBits.GD);
    }

    private void LoadDebug(int number, uint value)
    {
        if (_host.ReadDebug(number) != value)
        {
            _host.WriteDebug(number, value);
        }
    }

    /// <summary>The one place where control comes back from the guest.</summary>
    private GuestEnd? HandleTrap()
    {
        if (_host.ResumeFault)
        {
            return Emulate("resume");
        }

        CalloutType callout = CalloutType.None;
        if (RunsFromCache)
        {
            callout = _cache!.Leave(_frame);
        }

        _state.Import(_frame);
        if (callout != CalloutType.None)
        {
            return HandleCallout(callout);
        }

        if (_frame.Vector == _host.HostInterruptVector)
        {
            Record(Event(EngineEventKind.Interrupt, "host-interrupt", "", "", ""));
            _emulator.AdvanceDevices();
            return null;
        }

        if (_direct.DedicatesRing && RunsFromCache && _frame.Vector == (byte)Vector.GP)
        {
            _cache!.NotePort(_emulator.Eip, isOwn: false);
        }

        return (Vector)_frame.Vector switch
        {
            Vector.PF => HandlePageFault(),
            Vector.DB => HandleDebug(),
            _ => Emulate(null),
        };
    }

    /// <summary>Modes and levels that have a ring.</summary>
    private bool RunsInRing => (_emulator.System.Cr0 & Cr0.PE) != 0 && (_emulator.Flags & Eflags.VM) == 0 && _emulator.Cpl is 0 or 3;

    private GuestEnd? HandlePageFault()
    {
        bool write = (_frame.ErrorCode & ErrorCode.Write) != 0;
        bool fetch = (_frame.ErrorCode & ErrorCode.InstructionFetch) != 0;
        switch (_pages.Fill(new LinearAddress(_frame.Cr2), write, fetch, user: _emulator.Cpl == 3))
        {
            case ShadowFault.Filled:
                _code.TryDecode(out Instruction instruction);
                Record(Event(EngineEventKind.HiddenFault, "#PF", HostShare.Name(_pages.HostCause), InstructionText.MnemonicOf(instruction), ""));
                return null;
            case ShadowFault.Device:
                return Emulate("mmio");
            case ShadowFault.Traced:
                if (RunsFromCache)
                {
                    _cache!.NoteAccess(_emulator.Eip, traced: true);
                }

                return Emulate("trace");
            case ShadowFault.Protected:
                return Emulate("write-protect");
            default:
                return Emulate(TrapReason.Reflected);
        }
    }

    /// <summary>The guest's own breakpoints and single steps; with no cause in DR6 it was INT1.</summary>
    private GuestEnd? HandleDebug()
    {
        uint cause = _host.ReadDebug(6) & DebugCauses;
        _emulator.System.Dr6 |= cause;
        _emulator.System.Dr7 &= ~DebugBits.GD;
        EventKind kind = cause == 0 ? EventKind.PrivilegedSoftwareException : EventKind.Trap;
        Record(Event(EngineEventKind.Trap, "#DB", TrapReason.Reflected, "", ""));
        return Outcome(_emulator.Deliver((byte)Vector.DB, kind, null));
    }

    /// <summary>Emulates the instruction that trapped; a fault that it raises is the guest's own. Null: the reason is the instruction's.</summary>
    private GuestEnd? Emulate(string? reason) => Emulate(EngineEventKind.Trap, Vectors.Name(_frame.Vector), reason);

    private GuestEnd? Emulate(EngineEventKind kind, string cause, string? reason)
    {
        bool known = _code.TryDecode(out Instruction instruction);
        string detail = known ? InstructionText.DetailOf(instruction, _emulator) : "";
        reason ??= known ? TrapReason.Of(instruction) : TrapReason.Reflected;
        _pending = Event(kind, cause, reason, InstructionText.MnemonicOf(instruction), detail);
        LinearAddress? invalidated = InvalidatedPage.Of(instruction, _emulator);
        PagingState before = PagingState.Of(_emulator);
        GuestEnd? end = Step();
        if (_pending is not { } trap)
        {
            return end;
        }

        Record(trap);
        _pending = null;
        if (reason == TrapReason.SoftwareInterrupt)
        {
            byte vector = instruction.Mnemonic switch { Mnemonic.Int => instruction.Immediate8, Mnemonic.Int3 => (byte)Vector.BP, _ => (byte)Vector.OF };
            Record(trap with { Kind = EngineEventKind.Injection, Cause = Vectors.Name(vector), Reason = reason, Instruction = "", Detail = "" });
        }

        if (instruction.Mnemonic == Mnemonic.Mov && instruction.Op0Register == Register.CR3 && PagingState.Of(_emulator) == before)
        {
            // Another address space has been seen already; the same one is loaded to empty the TLB.
            SwitchPages();
        }
        else if (invalidated is { } page)
        {
            _pages.Drop(page);
        }

        return end;
    }

    /// <summary>One event of the guest in the emulator.</summary>
    private GuestEnd? Step() => Advance(null);

    /// <summary>
    /// The guest in the emulator: one event, or all until user mode or the tick comes. Whatever changed the meaning of its page tables changes the shadow.
    /// </summary>
    private GuestEnd? Advance(long? limit)
    {
        PagingState before = PagingState.Of(_emulator);
        GuestEnd? end = Outcome(limit is { } tick ? _emulator.RunSupervisor(tick) : _emulator.Step());
        if (PagingState.Of(_emulator) != before)
        {
            SwitchPages();
        }

        return end;
    }

    private void SwitchPages()
    {
        if (_pages.Switch() is { } result)
        {
            Record(Event(EngineEventKind.Switch, "shadow", result, "", ""));
        }
    }

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
            _wroteTraced |= _cache is not null && _pages.IsTraced((uint)found.Value);
            _pages.Written((uint)found.Value, size);
            _cache?.Written((uint)found.Value, size);
            _gdt.Written((uint)found.Value, size);
            _ldt.Written((uint)found.Value, size);
        }
    }

    /// <summary>It may come in the middle of an emulated instruction: the shadow is dropped before the guest goes on.</summary>
    private void MapChanged() => _mapChanged = true;

    private void Delivering(byte vector, EventKind kind)
    {
        bool interrupt = kind is EventKind.ExternalInterrupt or EventKind.Nmi;
        if (_pending is { } trap)
        {
            Record(interrupt ? trap : trap with { Reason = TrapReason.Reflected });
            _pending = null;
        }

        else if (!interrupt && !_direct.RunsKernel && !_emulator.InUserMode)
        {
            // A fault of interpreted code is the interpreter's, not the monitor's doing.
            return;
        }

        Record(Event(EngineEventKind.Injection, Vectors.Name(vector), interrupt ? "interrupt" : "exception", "", ""));
    }

    private EngineEvent Event(EngineEventKind kind, string cause, string reason, string instruction, string detail) => new()
    {
        Kind = kind,
        Cause = cause,
        Reason = reason,
        Instruction = instruction,
        Detail = detail,
        Cpl = _emulator.Cpl,
        Address = new LinearAddress(_emulator.Segment(SegmentName.CS).Base + _emulator.Eip),
        Level = 1,
    };

    private void Record(EngineEvent e) => _ledger.Record(e);
}
