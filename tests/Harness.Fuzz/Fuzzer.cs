using Harness.Isa;
using Harness.Machine;
using Iced.Intel;

namespace Harness.Fuzz;

/// <summary>
/// Runs each guest three times, in blocks, one instruction at a time, and in slices of a few ticks; the runs must end in the same state, which must be sane.
/// </summary>
public sealed class Fuzzer : IFuzzer, IExecutionObserver, IProcessorEvents
{
    /// <summary>Guests whose run ends otherwise are a defect of the machine: it passed its limit by more than a delivery can.</summary>
    internal const int Overshoot = 4;

    private readonly ulong _seed;
    private readonly Ram _ram;
    private readonly Processor _processor;
    private readonly FuzzBus _bus;
    private readonly GuestGenerator _generator;
    private readonly byte[] _memory = new byte[Layout.RamBytes];
    private readonly Outcome _blocks = new();
    private readonly Outcome _other = new();
    private readonly long[] _vectors = new long[256];
    private FirstState _first;
    private ulong _deliveries;
    private bool _counting;
    private uint _lastEip;
    private bool _lastRepeats;
    private long _retiredOfInput;
    private long _lastFault;
    private TextWriter? _trace;

    public Fuzzer(ProcessorModel model, ulong seed)
    {
        _seed = seed;
        _generator = new GuestGenerator(model, seed);
        _bus = new FuzzBus { HasTicks = () => (_processor!.State.System.Cr0 & Cr0.PG) == 0 };
        _ram = new Ram(Layout.RamBytes);
        var memory = new PhysicalMemory(_ram);
        memory.MapRam(0, Layout.RamBytes, 0, Harness.Machine.Devices.MapSide.Both);
        memory.MapDevice(Layout.Device, Ram.PageSize, _bus, Harness.Machine.Devices.MapSide.Both);
        _processor = new Processor(model, memory, _bus) { Events = this };
    }

    /// <summary>Inputs run so far.</summary>
    public long Inputs { get; private set; }

    /// <summary>Inputs of which at least one instruction retired.</summary>
    public long InputsRetired { get; private set; }

    /// <summary>Instructions that were started: retired, with all their iterations as one, or faulted.</summary>
    public long Instructions { get; private set; }

    /// <summary>Instructions that retired, all iterations of one as one.</summary>
    public long Retired { get; private set; }

    /// <summary>How often each vector was raised by other than INT n and the interrupt line.</summary>
    public IReadOnlyList<long> Vectors => _vectors;

    public IReadOnlyList<long> Traps => [];

    public IEnumerable<(string What, long Count)> Notes => [];

    public bool Sees(Vector vector) => true;

    /// <summary>Prints every instruction of an input, its stores and what is delivered.</summary>
    public void Print(long number, TextWriter output)
    {
        _generator.Make(new Chance(_seed, number), _memory, ref _first);
        _trace = output;
        output.WriteLine("in blocks:");
        Start();
        _processor.Run(_first.Limit);
        output.WriteLine("in steps:");
        Start();
        _processor.Observer = this;
        _processor.Run(_first.Limit);
        _processor.Observer = null;
        _trace = null;
    }

    /// <summary>Runs an input in all ways. Null: no finding.</summary>
    public Finding? Run(long number)
    {
        try
        {
            return RunWays(new Chance(_seed, number)) is { } what ? new Finding(number, what) : null;
        }
        catch (Exception e)
        {
            return new Finding(number, e.ToString());
        }
        finally
        {
            Inputs++;
        }
    }

    private string? RunWays(Chance chance)
    {
        _generator.Make(chance, _memory, ref _first);
        Start();
        RunExit exit = _processor.Run(_first.Limit);
        _blocks.Capture(_processor, exit, _bus.Hash, _deliveries, copyMemory: true);
        if (Check(exit) is { } unsound)
        {
            return unsound;
        }

        Start();
        _processor.Observer = this;
        _counting = true;
        _retiredOfInput = 0;
        _lastFault = -1;
        _lastRepeats = false;
        exit = _processor.Run(_first.Limit);
        _counting = false;
        _processor.Observer = null;
        InputsRetired += _retiredOfInput > 0 ? 1 : 0;
        _other.Capture(_processor, exit, _bus.Hash, _deliveries, copyMemory: false);
        if (_blocks.Difference(_other, _ram.Read(0, Layout.RamBytes)) is { } stepped)
        {
            return "blocks / steps: " + stepped;
        }

        Start();
        var slices = new Chance(_first.SliceSeed, 0);
        long limit = 0;
        do
        {
            long before = _processor.Ticks;
            limit = Math.Min(_first.Limit, limit + 1 + slices.Below(slices.Percent(50) ? 4 : 100));
            exit = _processor.Run(limit);
            if (_processor.Ticks < before || Check(exit) is not null)
            {
                return $"slice up to tick {limit}: {Check(exit) ?? "the clock went back"}";
            }
        }
        while (exit == RunExit.Limit && limit < _first.Limit);
        _other.Capture(_processor, exit, _bus.Hash, _deliveries, copyMemory: false);
        return _blocks.Difference(_other, _ram.Read(0, Layout.RamBytes)) is { } sliced ? "blocks / slices: " + sliced : null;
    }

    private string? Check(RunExit exit)
    {
        if (exit is not (RunExit.Limit or RunExit.HaltedForever or RunExit.Shutdown))
        {
            return $"the run ended as {exit}";
        }

        return _processor.Ticks > _first.Limit + Overshoot + _processor.Model.PauseTicks ? $"tick {_processor.Ticks}, limit {_first.Limit}" : Invariants.Violation(_processor);
    }

    private void Start()
    {
        _ram.Write(0, _memory);
        _bus.Start(_first);
        _deliveries = 0;
        _processor.Ticks = 0;
        _processor.HaltedTicks = 0;
        _processor.Reset();
        ref CpuState state = ref _processor.State;
        for (int i = 0; i < 8; i++)
        {
            _processor.Register(i) = _first.Registers[i];
            _processor.Segment((SegmentName)i) = _first.Cache[i];
        }

        state.Eip = _first.Eip;
        state.Cpl = _first.Cpl;
        state.Gdtr = new DescriptorTableRegister { Base = Layout.Gdt, Limit = _first.GdtLimit };
        state.Idtr = new DescriptorTableRegister { Base = _first.IsProtected ? Layout.Idt : 0, Limit = _first.IdtLimit };
        ref SystemRegisters system = ref state.System;
        system.Cr0 = _first.Cr0;
        system.Cr3 = _first.Cr3;
        system.Cr4 = _first.Cr4;
        system.Efer = _first.Efer;
        system.Dr0 = _first.DebugAddresses[0];
        system.Dr1 = _first.DebugAddresses[1];
        system.Dr2 = _first.DebugAddresses[2];
        system.Dr3 = _first.DebugAddresses[3];
        system.Dr7 = _first.Dr7;
        if ((_first.Cr0 & Cr0.PG) != 0 && (_first.Cr4 & Cr4.PAE) != 0)
        {
            system.Pdpte0 = system.Pdpte1 = system.Pdpte2 = system.Pdpte3 = Layout.PaeDirectory | PageEntry.P;
        }

        system.SysenterCs = Layout.FlatCode << 3;
        system.SysenterEip = Layout.Code;
        system.SysenterEsp = Layout.Stack + 0x800;
        _processor.Flags = _first.Eflags;
        _processor.StateChanged();
    }

    void IExecutionObserver.Retired(in Instruction instruction)
    {
        uint at = instruction.IP32;
        bool continues = _lastRepeats && at == _lastEip;
        _lastEip = at;
        _lastRepeats = instruction.IsStringInstruction && (instruction.HasRepPrefix || instruction.HasRepnePrefix) && _processor.State.Eip == at;
        if (!continues)
        {
            Instructions++;
            Retired++;
            _retiredOfInput++;
        }

        switch (instruction.Code)
        {
            case Code.Int1:
                _vectors[(int)Vector.DB]++;
                break;
            case Code.Int3:
                _vectors[(int)Vector.BP]++;
                break;
            case Code.Into when _processor.State.Eip != instruction.NextIP32:
                _vectors[(int)Vector.OF]++;
                break;
            default:
                break;
        }

        _trace?.WriteLine($"{_processor.Now,5} {at:X8} {instruction}");
    }

    void IExecutionObserver.Stored(PhysicalAddress address, int size, ulong value)
    {
        _trace?.WriteLine($"      [{address.Value:X8}] = {value:X} ({size})");
    }

    void IExecutionObserver.PortAccess(ushort port, int size, uint value, bool write)
    {
        _trace?.WriteLine($"      port {port:X4} {(write ? "<-" : "->")} {value:X} ({size})");
    }

    void IProcessorEvents.Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl)
    {
        _deliveries = Chance.Mix(_deliveries + ((ulong)vector << 56 | (ulong)kind << 48 | (ulong)(errorCode ?? 0) << 8 | (uint)cpl) + 1);
        _deliveries = Chance.Mix(_deliveries + ((ulong)_processor.Ticks << 32 | eip));
        _trace?.WriteLine($"{_processor.Ticks,5} {eip:X8} vector {vector} ({kind}, {errorCode:X}) at CPL {cpl}");
        if (!_counting)
        {
            return;
        }

        _lastRepeats = false;
        if (kind is EventKind.Fault or EventKind.Trap)
        {
            _vectors[vector]++;

            // What a failed delivery leads to is no instruction of its own; only an entered handler takes a tick.
            Instructions += kind == EventKind.Fault && _processor.Ticks != _lastFault ? 1 : 0;
            _lastFault = _processor.Ticks;
        }
    }

    public void Dispose()
    {
        _processor.Dispose();
        _ram.Dispose();
    }
}
