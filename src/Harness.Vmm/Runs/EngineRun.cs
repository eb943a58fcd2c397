using System.Security.Cryptography;
using System.Text;
using Harness.Vmm.Classification;

namespace Harness.Vmm;

/// <summary>What one guest did under one engine. It holds no machine any more, and nothing of the computer that it was made on.</summary>
public sealed class EngineRun
{
    private readonly IReadOnlyDictionary<ushort, byte[]> _debugOutput;
    private string? _digest;

    internal EngineRun(RunRequest request, GuestMachine machine, GuestEnd end, string? stopReason, GuestRegisters final, EffectRecorder? recorder)
    {
        Request = request;
        End = end;
        StopReason = stopReason;
        Ticks = machine.Clock.Ticks;
        HaltedTicks = machine.Clock.Halted;
        Retired = machine.Retired;
        Ledger = machine.Ledger;
        MachineEvents = machine.MachineEvents;
        Final = final;
        Memory = machine.CaptureMemory();
        Console = Encoding.Latin1.GetString(machine.Platform.SerialOutput.Bytes);
        Screen = machine.Platform.ScreenText();
        ExitCode = machine.Platform.ExitCode;
        PortAccesses = request.Engine.Kind == MonitorKind.Bare ? machine.Platform.PortAccesses : 0;
        _debugOutput = request.Devices.DebugPorts.Distinct().ToDictionary(port => port, port => machine.Platform.DebugOutput(port).Bytes.ToArray());
        Effects = recorder?.Log;
        Programs = recorder?.Programs;
        ResourceControl = recorder?.ResourceControl;
        FirstHarm = recorder?.Harm.First;
    }

    public RunRequest Request { get; }

    public IEngine Engine => Request.Engine;

    /// <summary>Of the physical machine.</summary>
    public ProcessorModel Model => Request.Model;

    public GuestImage Guest => Request.Guest;

    /// <summary>What the engine ran of it.</summary>
    public GuestImage Image => Engine.ImageOf(Guest);

    public GuestEnd End { get; }

    /// <summary>With <see cref="GuestEnd.Unsupported"/>: what the engine does not do.</summary>
    public string? StopReason { get; }

    /// <summary>Of the guest clock.</summary>
    public long Ticks { get; }

    /// <summary>Of them, those in HLT.</summary>
    public long HaltedTicks { get; }

    public RetiredCounts Retired { get; }

    /// <summary>Accesses to ports that no monitor saw.</summary>
    public long PortAccesses { get; }

    /// <summary>What reached the monitor.</summary>
    public Ledger Ledger { get; }

    /// <summary>Exceptions and interrupts that the guest itself saw delivered, under whatever engine: level 0.</summary>
    public Ledger MachineEvents { get; }

    /// <summary>The registers at the end, as the guest sees them.</summary>
    public GuestRegisters Final { get; }

    /// <summary>The guest's RAM at the end.</summary>
    public GuestMemoryImage Memory { get; }

    /// <summary>What the guest sent on COM1, a character a byte (Latin-1).</summary>
    public string Console { get; }

    /// <summary>The text on the screen at the end: lines joined by LF.</summary>
    public string Screen { get; }

    /// <summary>What the guest wrote to the exit port, v as 2v + 1; null if it did not.</summary>
    public int? ExitCode { get; }

    /// <summary>What <see cref="Equivalence"/> compares; null if the request did not ask for it.</summary>
    public EffectLog? Effects { get; }

    /// <summary>The same at <see cref="EquivalenceLevel.Programs"/>.</summary>
    internal ProgramEffects? Programs { get; }

    /// <summary>Makes the run once more, for whoever wants to see some of its steps, where the request alone does not say how it came about.</summary>
    internal Action<StepFilter>? Again { get; init; }

    /// <summary>Null without <see cref="RunRequest.RecordEffects"/>.</summary>
    public ResourceControl? ResourceControl { get; }

    /// <summary>The first execution that has to go otherwise than on the bare machine; null: there is none, or <see cref="RunRequest.RecordEffects"/> was not asked for.</summary>
    public HarmfulExecution? FirstHarm { get; }

    public Efficiency Efficiency => new(Retired.Direct, Retired.Translated, Retired.Emulated);

    /// <summary>Lower-case hexadecimal SHA-256 over final registers, memory, console, end and ticks.</summary>
    public string Digest => _digest ??= ComputeDigest();

    /// <summary>
    /// By the cost profile, what the guest takes without what monitors add: a cycle for each instruction, and more where the processor itself delivers an event
    /// to the guest or reaches a port for it. A software monitor does both in the guest's place, as part of its own events.
    /// </summary>
    public long GuestCycles => Retired.Guest + NativeEvents().Sum(e => e.Figure.Cycles * e.Count);

    /// <summary>What a monitor adds.</summary>
    public long OverheadCycles => Ledger.Totals.Sum(t => t.Cycles);

    /// <summary>What the processor does by itself in this run and the profile has a figure for.</summary>
    public IEnumerable<(NativeFigure Figure, long Count)> NativeEvents()
    {
        if (PortAccesses != 0 && Request.Costs.NativeFor("port") is { } port)
        {
            yield return (port, PortAccesses);
        }

        if ((Engine.Kind & (MonitorKind.Bare | MonitorKind.HardwareAssisted)) != 0)
        {
            foreach (EventCount total in MachineEvents.Totals.Where(t => t.First.Level == 0))
            {
                if (Request.Costs.NativeFor(total.First.Cause) is { } figure)
                {
                    yield return (figure, total.Count);
                }
            }
        }
    }

    /// <summary>The bytes that the guest wrote to a debug port.</summary>
    /// <exception cref="ArgumentException">The port is not among <see cref="GuestDevices.DebugPorts"/>.</exception>
    public ReadOnlyMemory<byte> DebugOutput(ushort port) => _debugOutput.TryGetValue(port, out byte[]? bytes)
        ? bytes
        : throw new ArgumentException($"Port {port:X}h is not one of the debug ports of the request.", nameof(port));

    internal void Repeat(StepFilter filter)
    {
        if (Again is { } again)
        {
            again(filter);
        }
        else
        {
            GuestRunner.Run(Request, filter, null);
        }
    }

    private string ComputeDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"{End};{ExitCode};{Ticks};{HaltedTicks};{Console.Length};{Console};")));
        Span<byte> value = stackalloc byte[4];
        foreach (GuestRegister register in GuestRegister.All)
        {
            BitConverter.TryWriteBytes(value, register.Read(Final));
            hash.AppendData(value);
        }

        Memory.AppendTo(hash);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>Popek and Goldberg's efficiency: how many of the guest's instructions ran without intervention by the monitor.</summary>
public readonly record struct Efficiency(long Direct, long Translated, long Emulated)
{
    public long Guest => Direct + Translated + Emulated;

    /// <summary>From 0 to 1; 0 if nothing ran.</summary>
    public double Share => Guest == 0 ? 0 : (double)(Direct + Translated) / Guest;

    /// <summary>A statistically dominant subset ran without the monitor: more than half.</summary>
    public bool Holds => Direct + Translated > Emulated;
}

/// <summary>Popek and Goldberg's resource control: no instruction that ran directly changed anything outside what the guest was given.</summary>
/// <param name="Holds">The verdict.</param>
/// <param name="Detail">The first violation: what was changed, by which instruction, where; empty if there is none.</param>
public sealed record ResourceControl(bool Holds, string Detail);
