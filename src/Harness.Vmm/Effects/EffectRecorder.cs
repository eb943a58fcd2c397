using Harness.Vmm.Classification;
using Iced.Intel;

namespace Harness.Vmm;

/// <summary>
/// Watches the emulator and the host's processor of one run and keeps what the guest can see of every step. Registers of the host's processor pass through the
/// monitor's inverse map; memory, ports and everything that was emulated are taken raw.
/// </summary>
internal sealed class EffectRecorder
{
    private readonly GuestMachine _machine;
    private readonly IMonitor _monitor;
    private readonly StepFilter? _filter;
    private readonly EffectMemory _memory;
    private readonly StepStores _stores = new();
    private readonly List<MemoryEffect> _explicit = [];
    private readonly List<PortEffect> _ports = [];
    private readonly List<Delivery> _deliveries = [];
    private readonly InstructionFormat _format = new();

    /// <summary><paramref name="original"/>: see <see cref="HarmWatch"/>.</summary>
    public EffectRecorder(GuestMachine machine, IMonitor monitor, GuestImage? original, StepFilter? filter)
    {
        _machine = machine;
        _monitor = monitor;
        _filter = filter;
        _memory = new EffectMemory(machine.CaptureMemory());
        Emulated = new ProcessorTap(this, machine.Emulator.Processor);
        Harm = new HarmWatch(machine, monitor, original);
        Direct = new HostTap(this, machine);
        machine.Delivering += NoteDelivery;
        machine.GuestMemory.Writing += NoteMonitorWrite;
        machine.Host.Writing += NoteMonitorWrite;
        machine.Emulator.Processor.Observer = Emulated;
        machine.Host.Processor.Observer = Direct;
    }

    public EffectLog Log { get; } = new();

    public ProgramEffects Programs { get; } = new();

    public ResourceControl ResourceControl => new(Direct.Violation is null, Direct.Violation ?? "");

    public HarmWatch Harm { get; }

    private ProcessorTap Emulated { get; }

    private HostTap Direct { get; }

    /// <summary>Everything that was asked for has been seen.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Closes the last step, if a delivery is its last effect.</summary>
    public void Finish(in GuestRegisters registers)
    {
        if (_deliveries.Count != 0 || _stores.Effects().Length != 0 || _ports.Count != 0)
        {
            EndStep(registers, _machine.Clock.Ticks, default, default);
        }
    }

    /// <summary>A store of an emulated instruction: to RAM as the chipset maps it, or to a device.</summary>
    internal void NoteEmulatedStore(PhysicalAddress address, int size, ulong value)
    {
        if (_machine.RamAddress(address) is { } at)
        {
            NoteStore(at, size, value);
            return;
        }

        for (int i = 0; i < size; i++)
        {
            _stores.AddDevice(address.Value + (ulong)i, (byte)(value >> (8 * i)));
        }
    }

    internal long? RamAddress(PhysicalAddress address) => _machine.RamAddress(address);

    /// <summary>A store by address in the guest's RAM.</summary>
    internal void NoteStore(long ramAddress, int size, ulong value)
    {
        for (int i = 0; i < size; i++)
        {
            NoteByte(ramAddress + i, (byte)(value >> (8 * i)));
        }
    }

    /// <summary>A store to RAM that an instruction asks for by its operands, whether or not it changes anything.</summary>
    internal void NoteExplicitStore(long ramAddress, int size, ulong value)
    {
        for (int i = 0; i < size; i++)
        {
            _explicit.Add(new MemoryEffect(new GuestPhysicalAddress((ulong)(ramAddress + i)), (byte)(value >> (8 * i))));
        }
    }

    internal void NotePort(in PortEffect effect) => _ports.Add(effect);

    /// <summary>The guest's instruction, where the host's processor has executed a translator's.</summary>
    internal CodeSource? SourceOf(LinearAddress executed) => _monitor.SourceOf(executed);

    internal GuestRegisters Translated(Processor processor)
    {
        var raw = GuestRegisters.Of(processor, _monitor);
        GuestRegisters registers = raw;
        _monitor.Translate(ref registers);
        return registers.ChangedRaw(raw) is { } name
            ? throw new InvalidOperationException(
                $"The monitor's inverse map changed {name} at tick {processor.Ticks}; general registers, EIP and arithmetic flags are not its to translate.")
            : registers;
    }

    internal void EndStep(in GuestRegisters registers, long tick, LinearAddress address, in Instruction instruction, bool direct = false)
    {
        var hash = new EffectHash();
        hash.Add((ulong)tick);
        hash.Add(address.Value);
        hash.Add(registers);
        ReadOnlySpan<MemoryEffect> stores = _stores.Effects();
        foreach (MemoryEffect store in stores)
        {
            hash.Add(store.Address.Value << 8 | store.Value);
        }

        foreach (PortEffect port in _ports)
        {
            hash.Add(port.Port | (ulong)port.Size << 16 | (port.Write ? 1ul << 24 : 0) | (ulong)port.Value << 32);
        }

        Log.Add(hash.Value, address.Value);
        if (_filter is { Program: null })
        {
            Show(_filter, Log.Steps, new GuestStep
            {
                Index = Log.Steps,
                Tick = tick,
                Address = address,
                Instruction = TextOf(instruction),
                Registers = registers,
                Deliveries = [.. _deliveries],
                Memory = [.. stores],
                Ports = [.. _ports],
                IsDirect = direct,
                Hash = hash.Value,
            });
        }

        if (ProgramEffects.IsProgramStep(registers, instruction))
        {
            EndProgramStep(registers, tick, address, instruction, direct);
        }

        _stores.Clear();
        _explicit.Clear();
        _ports.Clear();
        _deliveries.Clear();
    }

    private void EndProgramStep(in GuestRegisters registers, long tick, LinearAddress address, in Instruction instruction, bool direct)
    {
        GuestRegisters seen = registers.OfProgram;
        var hash = new EffectHash();
        hash.Add(address.Value);
        hash.Add(seen);
        foreach (MemoryEffect store in _explicit)
        {
            hash.Add(store.Address.Value << 8 | store.Value);
        }

        EffectLog log = Programs.Add(registers.Cr3, hash.Value, address.Value, _explicit);
        if (_filter is not null && _filter.Program == registers.Cr3)
        {
            Show(_filter, log.Steps, new GuestStep
            {
                Index = log.Steps,
                Tick = tick,
                Address = address,
                Instruction = TextOf(instruction),
                Registers = seen,
                Deliveries = [],
                Memory = [.. _explicit],
                Ports = [],
                IsDirect = direct,
                Hash = hash.Value,
            });
        }
    }

    private void Show(StepFilter filter, long index, GuestStep step)
    {
        if (filter.Wants(index, step.Tick))
        {
            filter.Found(step);
        }

        if (filter.IsPast(index + 1, step.Tick))
        {
            IsDone = true;
            _machine.RequestStop();
        }
    }

    private string TextOf(in Instruction instruction) => instruction.Length == 0 ? "" : _format.Text(instruction);

    private void NoteByte(long ramAddress, byte value)
    {
        if (_memory.Change(ramAddress, value, out byte before))
        {
            _stores.Add((ulong)ramAddress, value, before);
        }
    }

    private void NoteDelivery(Delivery delivery, Processor processor)
    {
        // A delivery that succeeds takes a tick: in the midst of one that failed there is nothing that the guest can see.
        if (_deliveries.Count != 0 && _deliveries[^1].Tick != delivery.Tick)
        {
            EndStep(processor == _machine.Emulator.Processor ? GuestRegisters.Of(processor) : Translated(processor), delivery.Tick, default, default);
        }

        _deliveries.Add(delivery);
    }

    private void NoteMonitorWrite(GuestPhysicalAddress address, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            if (_machine.RamAddress(new PhysicalAddress(address.Value + (ulong)i)) is { } at)
            {
                NoteByte(at, data[i]);
            }
        }
    }

    private void NoteMonitorWrite(HostPhysicalAddress address, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            if (_machine.RamAddress(new HostPhysicalAddress(address.Value + (ulong)i)) is { } at)
            {
                NoteByte(at, data[i]);
            }
        }
    }
}

/// <summary>Which steps of a run somebody wants to see, by number and by tick.</summary>
/// <param name="steps">By number.</param>
/// <param name="fromTick">First tick.</param>
/// <param name="toTick">Last tick.</param>
/// <param name="found">Told of each.</param>
/// <param name="program">Of one program by its CR3, and counted there; null: of the whole machine.</param>
internal sealed class StepFilter(StepWindow steps, long fromTick, long toTick, Action<GuestStep> found, uint? program = null)
{
    public uint? Program { get; } = program;

    public void Found(GuestStep step) => found(step);

    public bool Wants(long index, long tick) => index >= steps.First && index <= steps.Last && tick >= fromTick && tick <= toTick;

    public bool IsPast(long index, long tick) => index > steps.Last || tick >= toTick;
}

/// <summary>The guest's RAM as its stores have left it, to tell a change from a store of the same value.</summary>
internal sealed class EffectMemory(GuestMemoryImage start)
{
    private readonly byte[]?[] _pages = new byte[]?[start.Length / Ram.PageSize];

    /// <summary>False: the byte has the value already.</summary>
    public bool Change(long address, byte value, out byte before)
    {
        ref byte[]? page = ref _pages[address / Ram.PageSize];
        if (page is null)
        {
            page = new byte[Ram.PageSize];
            start.Read(new GuestPhysicalAddress((ulong)(address - address % Ram.PageSize)), page);
        }

        ref byte cell = ref page[address % Ram.PageSize];
        before = cell;
        cell = value;
        return before != value;
    }
}
