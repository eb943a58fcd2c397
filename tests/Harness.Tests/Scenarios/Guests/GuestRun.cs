using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;

namespace Harness.Tests.Scenarios;

/// <summary>A guest run to its end on the bare machine.</summary>
internal sealed class GuestRun : IDisposable
{
    public const long Limit = 2_000_000;
    private readonly Computer _computer;

    public GuestRun(GuestImage image)
        : this(image, [])
    {
    }

    public GuestRun(GuestImage image, IReadOnlyList<TimedInput> keys)
    {
        ProcessorModel model = ProcessorModel.Load("yonah");
        _computer = new Computer(
            model,
            new PlatformOptions
            {
                RamBytes = (ulong)image.MemoryBytes,
                TicksPerSecond = (ulong)model.TicksPerSecond,
                ExitPort = GuestAssembler.ExitPort,
                KeyboardInput = keys,
            });
        GuestLoader.Load(image, _computer.Memory);
        GuestLoader.Enter(image, _computer.Processor);
        Exit = _computer.Run(Limit);
    }

    public RunExit Exit { get; }

    /// <summary>What the guest wrote to the exit port.</summary>
    public int? Value => _computer.Platform.ExitCode is { } code ? (code - 1) / 2 : null;

    public uint Eax => _computer.Processor.Register(0);

    public uint Ebx => _computer.Processor.Register(3);

    public uint Flags => _computer.Processor.Flags;

    public int Cpl => _computer.Processor.State.Cpl;

    public uint Cr0Value => _computer.Processor.State.System.Cr0;

    public string Console => System.Text.Encoding.ASCII.GetString(_computer.Platform.SerialOutput.Bytes);

    public uint Doubleword(uint physical)
    {
        Span<byte> bytes = stackalloc byte[4];
        _computer.Memory.Read(new PhysicalAddress(physical), bytes);
        return BitConverter.ToUInt32(bytes);
    }

    public void Dispose() => _computer.Dispose();
}
