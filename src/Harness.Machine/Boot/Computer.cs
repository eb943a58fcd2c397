using Harness.Machine.Devices;
using Harness.Machine.State;

namespace Harness.Machine;

/// <summary>A whole machine: memory, chipset and one processor wired to them.</summary>
public sealed class Computer : IStateful, IDisposable
{
    /// <summary>Room for firmware and video BIOS images behind RAM.</summary>
    public const long RomBytes = 1 << 20;

    private readonly Ram _ram;

    /// <exception cref="ArgumentException">An option of the platform is out of its range.</exception>
    public Computer(ProcessorModel model, PlatformOptions options)
    {
        _ram = new Ram((long)options.RamBytes, RomBytes);
        Memory = new PhysicalMemory(_ram);
        Platform = new Platform(options, Memory);
        Platform.A20Changed += Memory.SetA20;
        Processor = new Processor(model, Memory, new PlatformBus(Platform));
    }

    public PhysicalMemory Memory { get; }

    public Platform Platform { get; }

    public Processor Processor { get; }

    /// <inheritdoc/>
    public void Visit(IStateVisitor visitor)
    {
        byte[] memory = _ram.Read(0, (int)_ram.Bytes).ToArray();
        visitor.Bytes("memory", ref memory);
        _ram.Write(0, memory);
        visitor.Enter("platform");
        Platform.Visit(visitor);
        visitor.Leave();
        visitor.Enter("processor");
        Processor.Visit(visitor);
        visitor.Leave();
    }

    /// <summary>Runs until the limit or the end of the run; a reset that the guest asks for is carried out and the run goes on.</summary>
    public RunExit Run(long limit)
    {
        while (true)
        {
            RunExit exit = Processor.Run(limit);
            if (exit != RunExit.Stopped || !Platform.ResetRequested || Platform.ExitCode is not null)
            {
                return exit;
            }

            Platform.Reset();
            Processor.Reset();
        }
    }

    public void Dispose()
    {
        Processor.Dispose();
        _ram.Dispose();
    }
}
