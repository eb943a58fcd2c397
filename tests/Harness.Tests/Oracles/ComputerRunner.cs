using System.Text;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Oracles;

namespace Harness.Tests.Oracles;

/// <summary>Runs an oracle's image on this project's machine.</summary>
internal sealed class ComputerRunner : IGuestRunner
{
    private const ushort ConsolePort = 0xE9;
    private const long Budget = 100_000_000;

    public string Run(byte[] rom)
    {
        ProcessorModel model = ProcessorModel.Load("yonah");
        using var computer = new Computer(model, new PlatformOptions
        {
            RamBytes = 4 << 20,
            TicksPerSecond = (ulong)model.TicksPerSecond,
            BiosImage = rom,
            DebugPorts = [ConsolePort],
        });
        RunExit exit = computer.Run(Budget);
        string console = Encoding.Latin1.GetString(computer.Platform.DebugOutput(ConsolePort).Bytes);
        return exit == RunExit.HaltedForever ? console : $"{console}(run ended by {exit})";
    }
}
