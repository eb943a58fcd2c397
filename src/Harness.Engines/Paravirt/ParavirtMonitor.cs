using System.Buffers.Binary;
using Harness.Machine.Devices;

namespace Harness.Engines.Paravirt;

/// <summary>One paravirtualized guest: runs it, answers its hypercalls, hands faults and interrupts to the handlers that its kernel has registered.</summary>
internal sealed partial class ParavirtMonitor : IMonitor
{
    /// <summary>The monitor's own. VIF and VIP are the guest's: without CR4.VME and CR4.PVI they change nothing, but what is pushed shows them.</summary>
    private const uint RealFlags = Eflags.IF | Eflags.IOPL | Eflags.VM;
    private const uint ClearedByEntry = Eflags.TF | Eflags.NT | Eflags.RF;
    /// <summary>What the guest starts with of CR0 beside PE and ET goes into the processor's: no hypercall changes it, and ring 1 is to it as ring 0.</summary>
    public const uint HonouredCr0 = Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.AM;

    /// <summary>The same of CR4: what has to do neither with paging nor with virtual-8086 mode, machine checks or VMX.</summary>
    public const uint HonouredCr4 = Cr4.TSD | Cr4.DE | Cr4.PCE | Cr4.OSFXSR | Cr4.OSXMMEXCPT;

    /// <summary>Length of INT n, which leaves EIP behind it.</summary>
    private const uint IntBytes = 2;
    private readonly IHost _host;
    private readonly Emulator _emulator;
    private readonly Ledger _ledger;
    private readonly RetiredCounts _retired;
    private readonly DirectPages _pages;
    private readonly GuestDescriptors _descriptors;
    private readonly GuestTraps _traps;
    private readonly SharedPage _shared;
    private readonly Hypercalls _hypercalls;
    private readonly TrapFrame _frame = new();
    private byte[] _portMap = [];
    private bool _handlesNmi;

    /// <summary>The tick at which the guest was last handed anything.</summary>
    private long _reflectedAt;

    /// <summary>A program's STI holds interrupts back until the instruction behind it is done (SDM Vol. 2B, STI).</summary>
    private bool _inShadow;
    private uint _iopl;
    private readonly MonitorRegion _region;
    private readonly bool _dedicatesRing;

    /// <summary>Where the kernel wants to hear of responses in its ring; null: as of an interrupt.</summary>
    private byte? _ringVector;
    private bool _ringEvent;

    public ParavirtMonitor(MonitorContext context, bool dedicatesRing)
    {
        _dedicatesRing = dedicatesRing;
        _host = context.Host;
        _emulator = context.Emulator;
        _ledger = context.Ledger;
        _retired = context.Retired;
        var space = new ShadowSpace(MonitorRegion.Start, MonitorRegion.Directory, context.MonitorBytes, IsUser: false, IsPae: false);
        var region = new MonitorRegion(_host, [space], hasCache: false);
        region.Install();
        _region = region;
        var frames = new Frames(_host, context.GuestMemory, context.MonitorBytes, context.Guest.MemoryBytes);
        _pages = new DirectPages(_host, frames, space) { Omitted = context.Omitted };
        _descriptors = new GuestDescriptors(_host, frames, region) { Omitted = context.Omitted };
        _traps = new GuestTraps(_host, region);
        _shared = new SharedPage(_host, frames);
        _hypercalls = new Hypercalls(this, _emulator, _pages, _descriptors, _traps, _shared);
        _host.Cr0 = Cr0.PE | Cr0.PG | Cr0.ET | Cr0.WP | (context.Guest.Entry.Cr0 & HonouredCr0);
        _host.Cr4 = context.Guest.Entry.Cr4;
        bool checksPages = (context.Omitted & Protection.PageTables) == 0;
        _emulator.DeviceWrites = page => (!checksPages || frames.MayReachByDevice((uint)page.Value)) && !_shared.IsAt((uint)page.Value) ? DeviceWrite.Allowed : DeviceWrite.Refused;
        _emulator.Pager = address => _pages.PageOut(address.Value);
        if (dedicatesRing)
        {
            _host.DedicateRing();
        }

        Enter(context.Guest.Entry);
    }

    public string? StopReason { get; private set; }

    public bool IsEmulating { get; private set; }

    public GuestEnd Run(long limit)
    {
        while (true)
        {
            if (IsEmulating || _emulator.IsHalted)
            {
                if (Prepare(limit) is { } end)
                {
                    return end;
                }
            }

            IsEmulating = _host.Resume(_frame) != HostReturn.Ended;
            if (!IsEmulating)
            {
                return _emulator.HasReached(limit) ? GuestEnd.Limit : GuestEnd.Stopped;
            }

            if (HandleTrap() is { } stop)
            {
                Export();
                return stop;
            }
        }
    }

    public void Translate(ref GuestRegisters registers)
    {
        registers.Cpl = Selector.Rpl(registers.Cs) == 3 ? 3 : 0;
        registers.Cs = VirtualOf(registers.Cs);
        registers.Ss = VirtualOf(registers.Ss);
        registers.SystemFlags = VirtualFlags(registers.SystemFlags);
        registers.Cr3 = _pages.VirtualCr3;
    }

    public void Dispose()
    {
    }

    internal void Block(bool accepts)
    {
        if (accepts)
        {
            _shared.IsMasked = false;
        }

        _emulator.IsHalted = true;
    }

    internal void SetPortMap(byte[] map) => _portMap = map;

    /// <summary>The ring is given to the device, which tells the monitor of responses instead of raising its line.</summary>
    internal int SetRing(uint page, uint vector)
    {
        if (!_emulator.HasRing || vector > byte.MaxValue || page % Frames.PageBytes != 0)
        {
            return HypercallResult.BadArgument;
        }

        _ringVector = (byte)vector;
        _ringEvent = false;
        _emulator.Out(BlockRingInterface.EventPort, 4, 1);
        _emulator.Out(BlockRingInterface.RingPort, 4, page);
        return HypercallResult.Done;
    }

    /// <summary>Brings time, waiting and interrupts up to date until the guest can go on. Not null: the run is over.</summary>
    private GuestEnd? Prepare(long limit)
    {
        while (true)
        {
            if (_emulator.HasReached(limit))
            {
                return GuestEnd.Limit;
            }

            _emulator.AdvanceDevices();
            if (_emulator.Corrupted is { } page)
            {
                StopReason = $"a bit was flipped in the page at {page}, a table of the guest's that the monitor has checked, or the flags that they share";
                return GuestEnd.Unsupported;
            }

            if (DeliverPending() is { } end)
            {
                return end;
            }

            if (!_emulator.IsHalted && _frame.Eip > _descriptors.LimitOf(_frame.Cs))
            {
                // The monitor has carried out the last instruction of a code segment: the next fetch faults (SDM Vol. 3A, 5.3), in the guest, not in the monitor's IRET.
                _frame.Eflags |= Eflags.RF;
                if (Reflect((byte)Vector.GP, EventKind.Fault, 0, "exception") is { } ended)
                {
                    return ended;
                }
            }

            if (!_emulator.IsHalted)
            {
                if (_dedicatesRing)
                {
                    _region.OpenPorts(Selector.Rpl(_frame.Cs) != 3);
                }

                _host.InterruptAt(_inShadow ? _emulator.NextTick : _dedicatesRing ? _emulator.NextDeadlineOfOthers : _emulator.NextDeadline);
                return null;
            }

            bool deaf = _shared.IsMasked && (_handlesNmi || !_emulator.NmiComes);
            if (deaf || !_emulator.Wait(limit))
            {
                return GuestEnd.HaltedForever;
            }
        }
    }

    private GuestEnd? DeliverPending()
    {
        if (_emulator.NmiPending && !_handlesNmi && _traps.Find((byte)Vector.NMI) is not null)
        {
            _emulator.AcknowledgeNmi();
            _handlesNmi = true;
            return Reflect((byte)Vector.NMI, EventKind.Nmi, null, "interrupt");
        }

        if (_ringVector is { } ringVector)
        {
            if (_emulator.In(BlockRingInterface.EventPort, 4) != 0)
            {
                _ringEvent = true;
                _shared.HasRingEvent = true;
            }

            if (_ringEvent && !_shared.IsMasked && !_inShadow)
            {
                _ringEvent = false;
                return Reflect(ringVector, EventKind.ExternalInterrupt, null, "event");
            }
        }

        bool waits = _emulator.InterruptPending || _ringEvent;
        if (!waits || _shared.IsMasked || _inShadow)
        {
            _shared.IsPending = waits;
            return null;
        }

        _shared.IsPending = false;
        return Reflect(_emulator.AcknowledgeInterrupt(), EventKind.ExternalInterrupt, null, "interrupt");
    }

    /// <summary>The one place where control comes back from the guest.</summary>
    private GuestEnd? HandleTrap()
    {
        _inShadow = false;
        if (_host.ResumeFault)
        {
            // Its kernel asked for segments that its own table does not have.
            return GuestEnd.Shutdown;
        }

        byte vector = _frame.Vector;
        if (vector == _host.HostInterruptVector)
        {
            Record(EngineEventKind.Interrupt, "host-interrupt", "", "", "");
            return null;
        }

        if (vector == ParavirtInterface.Vector)
        {
            var call = (Hypercall)_frame[0];
            Record(EngineEventKind.Hypercall, Hypercalls.NameOf(call), "", "", Hypercalls.DetailOf(call, _frame), IntBytes);
            if (call == Hypercall.InterruptReturn)
            {
                return InterruptReturn();
            }

            _hypercalls.Answer(_frame);
            return EndRequested();
        }

        if (vector == (byte)Vector.GP && (Selector.Rpl(_frame.Cs) == 3 ? TryForUser() : TryForKernel()))
        {
            return EndRequested() ?? ((_frame.Eflags & Eflags.TF) != 0 ? SingleStep() : null);
        }

        // Carrying an instruction out may have raised what the instruction itself would have.
        vector = _frame.Vector;

        bool isSoftware = !Enum.IsDefined((Vector)vector);
        Record(
            EngineEventKind.Trap, Vectors.Name(vector), isSoftware ? TrapReason.SoftwareInterrupt : TrapReason.Reflected, isSoftware ? "int" : "", "", isSoftware ? IntBytes : 0);
        if (vector == (byte)Vector.PF)
        {
            _shared.Cr2 = _frame.Cr2;
        }

        return isSoftware
            ? Reflect(vector, EventKind.SoftwareInterrupt, null, TrapReason.SoftwareInterrupt)
            : Reflect(vector, EventKind.Fault, Vectors.HasErrorCode((Vector)vector) ? _frame.ErrorCode : null, "exception");
    }

    /// <summary>The guest has ended its run by a device, or reset its machine: that leads to firmware in real mode, where no kernel against hypercalls begins.</summary>
    private GuestEnd? EndRequested()
    {
        if (!_emulator.StopRequested)
        {
            return null;
        }

        GuestEnd end = _emulator.StopEnd;
        if (end == GuestEnd.Stopped)
        {
            StopReason = "the guest resets its machine, and what runs then is no kernel against hypercalls";
            return GuestEnd.Unsupported;
        }

        return end;
    }

    /// <summary>The trap after an instruction that the monitor has carried out for a program that is being stepped.</summary>
    private GuestEnd? SingleStep()
    {
        _host.WriteDebug(6, _host.ReadDebug(6) | DebugBits.BS);
        return Reflect((byte)Vector.DB, EventKind.Fault, null, "exception");
    }

    /// <summary>Enters the kernel's handler of a vector, as a gate of its own would. No handler, or no stack for it: the guest cannot go on.</summary>
    private GuestEnd? Reflect(byte vector, EventKind kind, uint? errorCode, string reason)
    {
        _inShadow = false;

        // As on the processor, where each delivery takes one: a handler that faults before it begins must come to the run's limit.
        if (_emulator.NextTick == _reflectedAt)
        {
            _host.CountTicks(1);
        }

        _reflectedAt = _emulator.NextTick;
        Record(EngineEventKind.Injection, Vectors.Name(vector), reason, "", "");
        if (kind != EventKind.SoftwareInterrupt)
        {
            _emulator.NoteDelivery(vector, kind, errorCode, _frame.Eip, Selector.Rpl(_frame.Cs) == 3 ? 3 : 0);
        }

        if (_traps.Find(vector) is not { } handler)
        {
            return GuestEnd.Shutdown;
        }

        bool fromUser = Selector.Rpl(_frame.Cs) == 3;
        (ushort ss, uint esp) = fromUser ? _traps.Stack : (_frame.Ss, _frame.Esp);
        uint flags = VirtualFlags(_frame.Eflags);
        ReadOnlySpan<uint> image = errorCode is { } code
            ? [code, _frame.Eip, VirtualOf(_frame.Cs), flags, _frame.Esp, _frame.Ss]
            : [_frame.Eip, VirtualOf(_frame.Cs), flags, _frame.Esp, _frame.Ss];
        image = fromUser ? image : image[..^2];
        esp -= (uint)image.Length * 4;
        Span<byte> raw = stackalloc byte[image.Length * 4];
        for (int i = 0; i < image.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(raw[(i * 4)..], image[i]);
        }

        if (!_pages.TryWrite(_descriptors.BaseOf(ss) + esp, raw))
        {
            return GuestEnd.Shutdown;
        }

        (_frame.Ss, _frame.Esp, _frame.Cs, _frame.Eip) = (ss, esp, OfKernel(handler.Selector), handler.Offset);
        _frame.Eflags = RealOf(_frame.Eflags & ~ClearedByEntry);
        _iopl = 0;
        _shared.IsMasked |= handler.Masks;
        _emulator.IsHalted = false;
        return null;
    }

    private void Enter(GuestEntry entry)
    {
        _frame.Cs = _descriptors.FlatCode;
        _frame.Ss = _frame.Ds = _frame.Es = _frame.Fs = _frame.Gs = _descriptors.FlatData;
        _frame.Eip = entry.Eip;
        _frame.Esp = entry.Esp;
        _frame.Eflags = RealOf(entry.Eflags);
        IsEmulating = true;
    }

    /// <summary>The guest's registers where it was left for good.</summary>
    private void Export()
    {
        for (int number = 0; number < 8; number++)
        {
            _emulator.Gpr(number) = _frame[number];
        }

        _emulator.Eip = _frame.Eip;
        _emulator.Flags = VirtualFlags(_frame.Eflags);
        _emulator.Cpl = Selector.Rpl(_frame.Cs) == 3 ? 3 : 0;
        _emulator.System.Cr3 = _pages.VirtualCr3;
        ReadOnlySpan<(SegmentName Name, ushort Value)> segments =
        [
            (SegmentName.CS, VirtualOf(_frame.Cs)), (SegmentName.SS, VirtualOf(_frame.Ss)), (SegmentName.DS, _frame.Ds), (SegmentName.ES, _frame.Es), (SegmentName.FS, _frame.Fs),
            (SegmentName.GS, _frame.Gs),
        ];
        foreach ((SegmentName name, ushort value) in segments)
        {
            _emulator.Segment(name).Selector = value;
        }

        _emulator.StateChanged();
    }

    private uint VirtualFlags(uint real) => (real & ~RealFlags) | (_shared.IsMasked ? 0 : Eflags.IF) | _iopl;

    private static uint RealOf(uint flags) => (flags & ~RealFlags) | Eflags.IF | Eflags.Fixed;

    /// <summary>Frames that the monitor writes, and what is shown of the registers, have the selectors of a kernel in ring 0.</summary>
    private static ushort VirtualOf(ushort selector) => Selector.Rpl(selector) == ParavirtInterface.KernelRing ? (ushort)(selector & ~Selector.RplMask) : selector;

    private static ushort OfKernel(ushort selector) => (ushort)((selector & ~Selector.RplMask) | ParavirtInterface.KernelRing);

    private void Record(EngineEventKind kind, string cause, string reason, string instruction, string detail, uint length = 0) => _ledger.Record(new EngineEvent
    {
        Kind = kind,
        Cause = cause,
        Reason = reason,
        Instruction = instruction,
        Detail = detail,
        Cpl = Selector.Rpl(_frame.Cs) == 3 ? 3 : 0,
        Address = new LinearAddress(_descriptors.BaseOf(_frame.Cs) + _frame.Eip - length),
        Level = 1,
    });
}
