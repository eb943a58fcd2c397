using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Harness.Vmm;

/// <summary>
/// The real machine under a monitor: memory that holds the guest's and the monitor's, one processor, the interrupt that the monitor asks for, and a block device with
/// a ring that may be made the guest's own. What the monitor may do with it is <see cref="IHost"/>.
/// </summary>
internal sealed partial class Host : IHost, IHostMemory, IProcessorBus, IDisposable
{
    private const uint EntryLength = 257;
    private readonly GuestClock _clock;

    /// <summary>Of it, only the device with the ring is a device of the host.</summary>
    private readonly Platform _platform;
    private long _interruptAt = long.MaxValue;
    private readonly RetiredCounts _retired;
    private bool _interrupt;
    private bool _suspended;
    private uint _cr0, _cr3, _cr4;
    private DescriptorTableRegister _gdtr, _idtr;
    private long _limit;
    private LinearAddress _entry;
    private ushort _codeSelector;
    private ushort _stackSelector;

    /// <param name="model">Of the processor.</param>
    /// <param name="ram">The host's memory.</param>
    /// <param name="platform">The guest's devices; of them, the device with the ring may be the host's.</param>
    /// <param name="clock">The guest's.</param>
    /// <param name="retired">Where the guest's instructions are counted.</param>
    /// <param name="share">Where several machines share the memory: which part is this monitor's own. A switch of machines exchanges it.</param>
    public Host(ProcessorModel model, Ram ram, Platform platform, GuestClock clock, RetiredCounts retired, HostShare? share)
    {
        _platform = platform;
        _retired = retired;
        _clock = clock;
        PhysicalMemory = new PhysicalMemory(ram);
        if (share is null)
        {
            PhysicalMemory.MapRam(0, (ulong)ram.TotalBytes, 0, MapSide.Both);
        }
        else
        {
            PhysicalMemory.MapRam(0, GuestMachine.MonitorBytes, (ulong)share.MonitorStart, MapSide.Both);
            PhysicalMemory.MapRam(GuestMachine.MonitorBytes, (ulong)(ram.TotalBytes - share.FramesStart), (ulong)share.FramesStart, MapSide.Both);
        }

        Length = ram.TotalBytes - (share?.Origin ?? 0);
        Processor = new Processor(model, PhysicalMemory, this) { TicksPerDelivery = 0 };
    }

    public Processor Processor { get; }

    public PhysicalMemory PhysicalMemory { get; }

    /// <summary>The tick at which runs of the guest end; set by whoever owns the run.</summary>
    public long Limit
    {
        get => _limit;
        set => _limit = value;
    }

    /// <summary>Told of what the monitor writes to memory.</summary>
    public event MonitorWrite<HostPhysicalAddress>? Writing;

    /// <summary>A trap is entering the monitor: its frame is the hardware's, not the guest's.</summary>
    public bool IsTrapping { get; private set; }

    public bool ResumeFault { get; private set; }

    public IHostMemory Memory => this;

    public long Length { get; }

    /// <summary>The tick of the guest clock at which the host interrupts the guest whether or not its monitor has asked: the end of a time slice.</summary>
    public long SliceEnd { get; set; } = long.MaxValue;

    public byte HostInterruptVector => 0xFE;

    public uint Cr0
    {
        get => Processor.State.System.Cr0;
        set
        {
            bool pages = (value & ~Cr0 & Isa.Cr0.PG) != 0;
            Processor.State.System.Cr0 = value;
            Processor.StateChanged();
            if (pages)
            {
                // Paging that begins loads the page-directory-pointer table (SDM Vol. 3A, 4.4.1).
                LoadPageDirectory(Cr3);
            }
        }
    }

    public uint Cr2
    {
        get => Processor.State.System.Cr2;
        set => Processor.State.System.Cr2 = value;
    }

    public uint Cr3
    {
        get => Processor.State.System.Cr3;
        set
        {
            LoadPageDirectory(value);
            NoteCr3Load("MOV to CR3");
        }
    }

    public uint Cr4
    {
        get => Processor.State.System.Cr4;
        set
        {
            Processor.State.System.Cr4 = value;
            Processor.StateChanged();
        }
    }

    public bool Has(Feature feature) => Processor.Model.Has(feature);

    public uint ReadDebug(int number) => number switch
    {
        0 => Processor.State.System.Dr0,
        1 => Processor.State.System.Dr1,
        2 => Processor.State.System.Dr2,
        3 => Processor.State.System.Dr3,
        6 => Processor.State.System.Dr6,
        _ => Processor.State.System.Dr7,
    };

    public void WriteDebug(int number, uint value)
    {
        ref SystemRegisters system = ref Processor.State.System;
        ref uint register = ref system.Dr7;
        switch (number)
        {
            case 0: register = ref system.Dr0; break;
            case 1: register = ref system.Dr1; break;
            case 2: register = ref system.Dr2; break;
            case 3: register = ref system.Dr3; break;
            case 6: register = ref system.Dr6; break;
            default: break;
        }

        register = value;
        Processor.StateChanged();
    }

    public bool ReadMsr(uint number, out ulong value)
    {
        // The time-stamp counter is a clock.
        _clock.Enter(Processor);
        bool known = Processor.TryReadMsr(number, out value);
        _clock.Leave(Processor);
        return known;
    }

    public bool WriteMsr(uint number, ulong value) => Processor.TryWriteMsr(number, value);

    public void LoadGdt(LinearAddress @base, ushort limit) => Processor.State.Gdtr = new DescriptorTableRegister { Base = @base.Value, Limit = limit };

    public void LoadIdt(LinearAddress @base, ushort limit) => Processor.State.Idtr = new DescriptorTableRegister { Base = @base.Value, Limit = limit };

    public void LoadLdt(ushort selector)
    {
        if (!Processor.TryLoadLdt(selector, out Fault fault))
        {
            throw new InvalidOperationException($"The monitor's LLDT {selector:X4} raised {fault.Vector}({fault.ErrorCode:X4}).");
        }
    }

    public void LoadTask(ushort selector)
    {
        if (!Processor.TryLoadTask(selector, out Fault fault))
        {
            throw new InvalidOperationException($"The monitor's LTR {selector:X4} raised {fault.Vector}({fault.ErrorCode:X4}).");
        }
    }

    public void InvalidatePage(LinearAddress address) => Processor.InvalidatePage(address.Value);

    public void SetEntry(ushort codeSelector, ushort stackSelector, LinearAddress entry)
    {
        _codeSelector = codeSelector;
        _stackSelector = stackSelector;
        _entry = entry;
        Processor.SetSentinel(entry, EntryLength);
    }

    public void InterruptAt(long tick)
    {
        _interruptAt = tick;
        _interrupt = false;
    }

    public void SetCodeMarks(LinearAddress start, byte[] marks) => Processor.SetCodeMarks(start, marks);

    public long CodeCount(int counter) => Processor.CountOf(counter);

    public void CountTicks(long ticks) => _clock.Ticks += ticks;

    /// <summary>The first control or table register that is not as the monitor set it when the guest was resumed, in words; null: all are.</summary>
    public string? ChangedControl()
    {
        if (Processor.IsGuest)
        {
            return null;
        }

        ref CpuState state = ref Processor.State;
        return state.System.Cr0 != _cr0 ? "CR0 was changed"
            : state.System.Cr3 != _cr3 ? "CR3 was changed"
            : state.System.Cr4 != _cr4 ? "CR4 was changed"
            : state.Gdtr.Base != _gdtr.Base || state.Gdtr.Limit != _gdtr.Limit ? "GDTR was changed"
            : state.Idtr.Base != _idtr.Base || state.Idtr.Limit != _idtr.Limit ? "IDTR was changed"
            : null;
    }

    public void NoteTrap() => IsTrapping = true;

    /// <summary>The guest has gone on.</summary>
    public void NoteGuest() => IsTrapping = false;

    public HostReturn Resume(TrapFrame frame)
    {
        if (!_suspended && !Enter(frame, out Fault fault))
        {
            frame.Vector = (byte)fault.Vector;
            frame.ErrorCode = fault.ErrorCode;
            ResumeFault = true;
            return HostReturn.Trap;
        }

        ResumeFault = false;
        IsTrapping = false;
        (_cr0, _cr3, _cr4) = (Cr0, Cr3, Cr4);
        (_gdtr, _idtr) = (Processor.State.Gdtr, Processor.State.Idtr);
        RunExit exit = Run();
        _suspended = exit != RunExit.Sentinel;
        if (exit != RunExit.Sentinel)
        {
            return HostReturn.Ended;
        }

        ReadFrame(frame);
        return HostReturn.Trap;
    }

    public IInterceptUnit? Virtualization => Processor.Intercepts;

    public HostReturn Enter(Span<uint> registers, Action entry)
    {
        if (!_suspended)
        {
            IsTrapping = false;
            for (int number = 0; number < 8; number++)
            {
                if (number != 4)
                {
                    Processor.Register(number) = registers[number];
                }
            }

            _clock.Enter(Processor);
            entry();
            _clock.Leave(Processor);
        }

        _suspended = Run() != RunExit.Sentinel;
        if (_suspended)
        {
            return HostReturn.Ended;
        }

        NoteCr3Load("VM exit");
        for (int number = 0; number < 8; number++)
        {
            registers[number] = Processor.Register(number);
        }

        return HostReturn.Exit;
    }

    /// <summary>Runs the processor on the guest's clock.</summary>
    public RunExit Run()
    {
        long start = _clock.Ticks - Processor.Deliveries - Processor.PausedTicks;
        _clock.Enter(Processor);
        RunExit exit = Processor.Run(_limit);
        _clock.Leave(Processor);
        _clock.Arrival = _clock.Ticks;
        _retired.Direct += _clock.Ticks - Processor.Deliveries - Processor.PausedTicks - start;
        return exit;
    }

    private bool Enter(TrapFrame frame, out Fault fault)
    {
        ref CpuState state = ref Processor.State;
        EnterRing0();
        bool v86 = (frame.Eflags & Eflags.VM) != 0;
        if (!v86)
        {
            Span<(SegmentName Name, ushort Selector)> segments =
                [(SegmentName.ES, frame.Es), (SegmentName.DS, frame.Ds), (SegmentName.FS, frame.Fs), (SegmentName.GS, frame.Gs)];
            foreach ((SegmentName name, ushort selector) in segments)
            {
                if (!Processor.TryLoadSegment(name, selector, out fault))
                {
                    return false;
                }
            }
        }

        Span<uint> image = v86
            ? [frame.Eip, frame.Cs, frame.Eflags, frame.Esp, frame.Ss, frame.Es, frame.Ds, frame.Fs, frame.Gs]
            : [frame.Eip, frame.Cs, frame.Eflags, frame.Esp, frame.Ss];
        for (int number = 0; number < 8; number++)
        {
            if (number != 4)
            {
                Processor.Register(number) = frame[number];
            }
        }

        uint top = StackTop() - (uint)image.Length * 4;
        WriteLinear(top, image);

        Processor.Register(4) = top;
        return Processor.TryReturnFromInterrupt(out fault);
    }

    /// <summary>The monitor's own code and stack segment, which a trap left loaded and a first entry has to load.</summary>
    private void EnterRing0()
    {
        ref CpuState state = ref Processor.State;
        state.Cpl = 0;
        state.Eip = _entry.Value;
        Processor.Flags = Eflags.Fixed;
        Processor.LoadFlat(SegmentName.CS, _codeSelector, AccessRights.Code);
        Processor.LoadFlat(SegmentName.SS, _stackSelector, 0);
        Processor.PrivilegeChanged();
    }

    /// <summary>ESP0 of the monitor's TSS.</summary>
    private uint StackTop()
    {
        uint top = 0;
        ReadLinear(Processor.Segment(SegmentName.TR).Base + 4, new Span<uint>(ref top));
        return top;
    }

    private void ReadFrame(TrapFrame frame)
    {
        ref CpuState state = ref Processor.State;
        byte vector = (byte)(state.Cs.Base + state.Eip - _entry.Value);
        uint at = Processor.Register(4);
        frame.Vector = vector;

        // Five words, nine out of virtual-8086 mode, and where there is one an error code below them.
        Span<uint> image = stackalloc uint[10];
        image = image[..((StackTop() - at) switch { 40 => 10, 36 => 9, 24 => 6, _ => 5 })];
        ReadLinear(at, image);
        bool hasErrorCode = image.Length is 6 or 10;
        frame.ErrorCode = hasErrorCode ? image[0] : 0;
        image = hasErrorCode ? image[1..] : image;
        frame.Eip = image[0];
        frame.Cs = (ushort)image[1];
        frame.Eflags = image[2];
        frame.Esp = image[3];
        frame.Ss = (ushort)image[4];
        bool v86 = (frame.Eflags & Eflags.VM) != 0;
        frame.Es = v86 ? (ushort)image[5] : state.Es.Selector;
        frame.Ds = v86 ? (ushort)image[6] : state.Ds.Selector;
        frame.Fs = v86 ? (ushort)image[7] : state.Fs.Selector;
        frame.Gs = v86 ? (ushort)image[8] : state.Gs.Selector;
        frame.Cr2 = state.System.Cr2;
        for (int number = 0; number < 8; number++)
        {
            if (number != 4)
            {
                frame[number] = Processor.Register(number);
            }
        }
    }

    private void ReadLinear(uint linear, Span<uint> words)
    {
        Span<byte> data = MemoryMarshal.AsBytes(words);
        for (int done = 0; done < data.Length;)
        {
            HostPhysicalAddress at = TranslateOwn(linear + (uint)done, write: false, data.Length - done, out int count);
            Read(at, data.Slice(done, count));
            done += count;
        }
    }

    private void WriteLinear(uint linear, ReadOnlySpan<uint> words)
    {
        ReadOnlySpan<byte> data = MemoryMarshal.AsBytes(words);
        for (int done = 0; done < data.Length;)
        {
            HostPhysicalAddress at = TranslateOwn(linear + (uint)done, write: true, data.Length - done, out int count);
            Write(at, data.Slice(done, count));
            done += count;
        }
    }

    /// <summary>Where the monitor's own stack or task segment lies, and how many of the bytes asked for are in that page.</summary>
    private HostPhysicalAddress TranslateOwn(uint linear, bool write, int wanted, out int count)
    {
        count = Math.Min(wanted, Ram.PageSize - (int)(linear & (Ram.PageSize - 1)));
        return Processor.TryTranslate(new LinearAddress(linear), write, user: false, out PhysicalAddress physical)
            ? new HostPhysicalAddress(physical.Value)
            : throw new InvalidOperationException($"The monitor's stack or task segment is not mapped at {linear:X8}.");
    }

    public void Read(HostPhysicalAddress address, Span<byte> data) => PhysicalMemory.Read(new PhysicalAddress(address.Value), data);

    public void Write(HostPhysicalAddress address, ReadOnlySpan<byte> data)
    {
        Writing?.Invoke(address, data);
        PhysicalMemory.Write(new PhysicalAddress(address.Value), data);
    }

    public uint ReadUInt32(HostPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[4];
        Read(address, raw);
        return BinaryPrimitives.ReadUInt32LittleEndian(raw);
    }

    public void WriteUInt32(HostPhysicalAddress address, uint value)
    {
        Span<byte> raw = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(raw, value);
        Write(address, raw);
    }

    public ulong ReadUInt64(HostPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[8];
        Read(address, raw);
        return BinaryPrimitives.ReadUInt64LittleEndian(raw);
    }

    public void WriteUInt64(HostPhysicalAddress address, ulong value)
    {
        Span<byte> raw = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(raw, value);
        Write(address, raw);
    }

    public void Dispose() => Processor.Dispose();
}
