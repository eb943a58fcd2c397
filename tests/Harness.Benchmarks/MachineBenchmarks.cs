using BenchmarkDotNet.Attributes;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;

namespace Harness.Benchmarks;

/// <summary>What the parts of the interpreter cost; the memory column must stay empty. An operation is one loop of the guest.</summary>
[MemoryDiagnoser]
public class MachineBenchmarks : IDisposable
{
    private const uint CodeAt = 0x8000;
    private const int Loops = 1000;
    private Computer? _computer;

    /// <summary>Two instructions a loop: ADD, then JMP.</summary>
    [GlobalSetup(Target = nameof(HandlerDispatch))]
    public void PrepareDispatch() => Start([0x01, 0xC8, 0xEB, 0xFC]);

    [Benchmark(OperationsPerInvoke = Loops)]
    public long HandlerDispatch() => Run(2 * Loops);

    /// <summary>INT 80h, IRET and JMP.</summary>
    [GlobalSetup(Target = nameof(TrapRoundTrip))]
    public void PrepareTrap() => Start([0xCD, 0x80, 0xEB, 0xFC, 0xCF]);

    [Benchmark(OperationsPerInvoke = Loops)]
    public long TrapRoundTrip() => Run(3 * Loops);

    /// <summary>A store into the block that follows, so that it is decoded again; JMP.</summary>
    [GlobalSetup(Target = nameof(BlockDecode))]
    public void PrepareDecode() => Start([0xA2, 0x05, 0x80, 0x00, 0x00, 0x90, 0x90, 0x90, 0xEB, 0xF6]);

    [Benchmark(OperationsPerInvoke = Loops)]
    public long BlockDecode() => Run(5 * Loops);

    /// <summary>INVLPG of a page, a load from it, and JMP.</summary>
    [GlobalSetup(Target = nameof(TlbMiss))]
    public void PrepareTlbMiss() => Start([0x0F, 0x01, 0x3D, 0x00, 0x00, 0x05, 0x00, 0x8B, 0x15, 0x00, 0x00, 0x05, 0x00, 0xEB, 0xF1]);

    [Benchmark(OperationsPerInvoke = Loops)]
    public long TlbMiss() => Run(3 * Loops);

    [GlobalCleanup]
    public void Dispose()
    {
        _computer?.Dispose();
        GC.SuppressFinalize(this);
    }

    private long Run(int ticks)
    {
        Processor processor = _computer!.Processor;
        processor.Run(processor.Ticks + ticks);
        return processor.Ticks;
    }

    private void Start(byte[] code)
    {
        var model = ProcessorModel.Load("yonah");
        _computer = new Computer(model, new PlatformOptions { RamBytes = 4 << 20, TicksPerSecond = (ulong)model.TicksPerSecond });
        Processor processor = _computer.Processor;
        _computer.Memory.Write(new PhysicalAddress(CodeAt), code);
        Put(0x3000 + 8, Descriptor.Segment(0, uint.MaxValue, AccessRights.RealModeData | AccessRights.Code | AccessRights.DB).Raw);
        Put(0x4000 + 0x80 * 8, Descriptor.Gate(8, CodeAt + 4, SystemType.InterruptGate32, dpl: 0).Raw);
        Put(0x1000, 0x2007);
        for (uint page = 0; page < 512; page++)
        {
            Put(0x2000 + page * 8, ((ulong)(2 * page + 1) << 12 | 7) << 32 | (2ul * page << 12 | 7));
        }

        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            processor.LoadFlat(name, (ushort)(name == SegmentName.CS ? 8 : 16), name == SegmentName.CS ? AccessRights.Code : 0);
        }

        ref CpuState state = ref processor.State;
        state.Gdtr = new DescriptorTableRegister { Base = 0x3000, Limit = 0x1F };
        state.Idtr = new DescriptorTableRegister { Base = 0x4000, Limit = 0x7FF };
        state.System.Cr0 = Cr0.PE | Cr0.PG | Cr0.ET;
        state.System.Cr3 = 0x1000;
        state.Eip = CodeAt;
        processor.Register(4) = 0x70000;
        processor.StateChanged();
        processor.Run(100_000);
    }

    private void Put(uint address, ulong value) => _computer!.Memory.Write(new PhysicalAddress(address), BitConverter.GetBytes(value));
}
