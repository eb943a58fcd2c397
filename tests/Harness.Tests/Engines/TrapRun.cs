using Harness.Engines.Trap;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Vmm;

namespace Harness.Tests.Engines;

/// <summary>A guest run to its end under the ring-deprivileging monitor, and on the bare machine beside it.</summary>
internal sealed class TrapRun : IDisposable
{
    private const long Limit = 5_000_000;
    private readonly GuestMachine _machine;
    private readonly IMonitor _monitor;
    private readonly string? _firstDivergence;

    public TrapRun(
        GuestImage image, string model = "yonah", string userReturn = "trap", int kernelRing = 1, string shadows = "one", long limit = Limit, long step = Limit)
    {
        Bare = new BareRun(image, model);
        _machine = new GuestMachine(
            ProcessorModel.Load(model), image, BareRun.Devices(image, model), CostProfile.Load("pentium4-2005"),
            new SortedDictionary<string, string> { ["userReturn"] = userReturn, ["shadows"] = shadows }, keepEvents: true);
        _monitor = new TrapEngine(new TrapLayout("trap", kernelRing)).Create(new MonitorContext(_machine));
        for (long until = Math.Min(step, limit); ; until = Math.Min(until + step, limit))
        {
            _machine.Host.Limit = until;
            End = _monitor.Run(until);
            if (step != Limit)
            {
                Bare.Run(until);
                Steps++;
                _firstDivergence ??= Registers() == Bare.Registers() ? null : $"tick {Ticks}: bare {Bare.Registers()}, found {Registers()}";
            }

            if (End != GuestEnd.Limit || until == limit)
            {
                break;
            }
        }

        Bare.Run(limit);
    }

    /// <summary>Stops at which the virtual registers were compared with the bare ones.</summary>
    public int Steps { get; }

    /// <summary>The first of them that differed; null: none.</summary>
    public string? FirstDivergence => _firstDivergence;

    public BareRun Bare { get; }

    public GuestEnd End { get; }

    public string? StopReason => _monitor.StopReason;

    public IReadOnlyList<EngineEvent> Events => _machine.Ledger.All;

    public RetiredCounts Retired => _machine.Retired;

    public long Ticks => _machine.Clock.Ticks;

    public long HaltedTicks => _machine.Clock.Halted;

    public Emulator Virtual => _machine.Emulator;

    public int? Value => _machine.Platform.ExitCode is { } code ? (code - 1) / 2 : null;

    public string Console => System.Text.Encoding.ASCII.GetString(_machine.Platform.SerialOutput.Bytes);

    public uint Eax => _machine.Emulator.Gpr(0);

    public uint Ebx => _machine.Emulator.Gpr(3);

    public byte[] Memory
    {
        get
        {
            var bytes = new byte[_machine.Guest.MemoryBytes];
            _machine.GuestPhysical.Read(new PhysicalAddress(0), bytes);
            return bytes;
        }
    }

    public uint Doubleword(uint physical) => BitConverter.ToUInt32(Memory, (int)physical);

    /// <summary>Events as "kind cause reason instruction", in order.</summary>
    public IEnumerable<string> Lines => Events.Select(e => string.Join(' ', new[] { e.Kind.ToString(), e.Cause, e.Reason, e.Instruction }.Where(w => w.Length > 0)));

    public int Count(string line) => Lines.Count(l => l == line);

    /// <summary>Everything that the run differs in from the bare one; empty: equal state, memory, clock and console.</summary>
    public IEnumerable<string> Differences()
    {
        Processor bare = Bare.Processor;
        for (int number = 0; number < 8; number++)
        {
            if (Virtual.Gpr(number) != bare.Register(number))
            {
                yield return $"register {number}: bare {bare.Register(number):X8}, found {Virtual.Gpr(number):X8}";
            }
        }

        foreach ((string name, uint expected, uint found) in new[]
        {
            ("EIP", bare.State.Eip, Virtual.Eip), ("EFLAGS", bare.Flags, Virtual.Flags), ("CPL", (uint)bare.State.Cpl, (uint)Virtual.Cpl),
            ("CR0", bare.State.System.Cr0, Virtual.System.Cr0), ("CR2", bare.State.System.Cr2, Virtual.System.Cr2),
            ("CR3", bare.State.System.Cr3, Virtual.System.Cr3), ("CR4", bare.State.System.Cr4, Virtual.System.Cr4),
        })
        {
            if (expected != found)
            {
                yield return $"{name}: bare {expected:X8}, found {found:X8}";
            }
        }

        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            SegmentRegister expected = bare.Segment(name);
            SegmentRegister found = Virtual.Segment(name);
            if ((expected.Selector, expected.Base, expected.Limit, expected.Rights) != (found.Selector, found.Base, found.Limit, found.Rights))
            {
                yield return $"{name}: bare {expected.Selector:X4} {expected.Base:X8} {expected.Limit:X8} {expected.Rights:X5}, "
                    + $"found {found.Selector:X4} {found.Base:X8} {found.Limit:X8} {found.Rights:X5}";
            }
        }

        byte[] memory = Memory;
        byte[] bareMemory = Bare.Memory;
        for (int i = 0; i < memory.Length; i++)
        {
            if (memory[i] != bareMemory[i])
            {
                yield return $"memory {i:X8}: bare {bareMemory[i]:X2}, found {memory[i]:X2}";
            }
        }

        if ((Ticks, HaltedTicks, Console) != (bare.Ticks, bare.HaltedTicks, Bare.Console))
        {
            yield return $"ticks, halted, console: bare {bare.Ticks} {bare.HaltedTicks} '{Bare.Console}', found {Ticks} {HaltedTicks} '{Console}'";
        }
    }

    /// <summary>What the guest would see now, as equivalence takes it.</summary>
    private GuestRegisters Registers()
    {
        if (_monitor.IsEmulating)
        {
            return BareRun.RegistersOf(Virtual.Processor);
        }

        GuestRegisters registers = BareRun.RegistersOf(_machine.Host.Processor);
        _monitor.Translate(ref registers);
        return registers;
    }

    public void Dispose()
    {
        _monitor.Dispose();
        _machine.Dispose();
        Bare.Dispose();
    }
}

/// <summary>The same guest on a machine of its own.</summary>
internal sealed class BareRun : IDisposable
{
    private readonly Computer _computer;
    private readonly GuestImage _image;

    public BareRun(GuestImage image, string model)
    {
        _image = image;
        _computer = new Computer(ProcessorModel.Load(model), Devices(image, model));
        GuestLoader.Load(image, _computer.Memory);
        GuestLoader.Enter(image, _computer.Processor);
    }

    public Processor Processor => _computer.Processor;

    public uint Eax => Processor.Register(0);

    public string Console => System.Text.Encoding.ASCII.GetString(_computer.Platform.SerialOutput.Bytes);

    public byte[] Memory
    {
        get
        {
            var bytes = new byte[_image.MemoryBytes];
            _computer.Memory.Read(new PhysicalAddress(0), bytes);
            return bytes;
        }
    }

    public void Run(long limit) => _computer.Run(limit);

    public GuestRegisters Registers() => RegistersOf(Processor);

    public static GuestRegisters RegistersOf(Processor processor)
    {
        const uint Arithmetic = Eflags.Status | Eflags.DF;
        ref CpuState state = ref processor.State;
        return new GuestRegisters
        {
            Eax = processor.Register(0),
            Ecx = processor.Register(1),
            Edx = processor.Register(2),
            Ebx = processor.Register(3),
            Esp = processor.Register(4),
            Ebp = processor.Register(5),
            Esi = processor.Register(6),
            Edi = processor.Register(7),
            Eip = state.Eip,
            ArithmeticFlags = processor.Flags & Arithmetic,
            SystemFlags = processor.Flags & ~Arithmetic,
            Cpl = state.Cpl,
            Cs = state.Cs.Selector,
            Ss = state.Ss.Selector,
            Ds = state.Ds.Selector,
            Es = state.Es.Selector,
            Fs = state.Fs.Selector,
            Gs = state.Gs.Selector,
            Ldtr = state.Ldtr.Selector,
            Tr = state.Tr.Selector,
            GdtrBase = state.Gdtr.Base,
            GdtrLimit = state.Gdtr.Limit,
            IdtrBase = state.Idtr.Base,
            IdtrLimit = state.Idtr.Limit,
            Cr0 = state.System.Cr0,
            Cr2 = state.System.Cr2,
            Cr3 = state.System.Cr3,
            Cr4 = state.System.Cr4,
            Dr7 = state.System.Dr7,
        };
    }

    public static PlatformOptions Devices(GuestImage image, string model) => new()
    {
        RamBytes = (ulong)image.MemoryBytes,
        TicksPerSecond = (ulong)ProcessorModel.Load(model).TicksPerSecond,
        ExitPort = GuestAssembler.ExitPort,
    };

    public void Dispose() => _computer.Dispose();
}
