using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Vmm;

namespace Harness.Fuzz;

/// <summary>
/// Runs each guest under an engine: it must end, by its own doing or at its limit. What an interpreter, VT-x or, but for what user mode shows, a hybrid monitor or a
/// translator makes of it, the bare machine must make too; ring deprivileging goes as wrong as it must, but every time alike.
/// </summary>
public sealed class EngineFuzzer : IFuzzer
{
    /// <summary>Inputs between those that are run twice.</summary>
    private const int Repeat = 16;

    /// <summary>Sensitive in user mode, and not privileged: a monitor that runs users directly does not get to see them.</summary>
    private static readonly HashSet<string> _shownToUsers = new(StringComparer.Ordinal)
    {
        "sgdt", "sidt", "sldt", "str", "smsw", "pushf", "pushfd", "popf", "popfd", "iret", "iretd", "lar", "lsl", "verr", "verw", "cpuid", "int1",
    };

    private readonly IEngine _engine;

    /// <summary>User mode is all that runs as it is.</summary>
    private readonly bool _runsUsersAlone;
    private readonly ProcessorModel _model;
    private readonly ulong _seed;
    private readonly EngineGuest _guests;
    private readonly CostProfile _costs = CostProfile.Load(CostProfile.Names[0]);
    private readonly long[] _vectors = new long[256];
    private readonly long[] _traps = new long[256];
    private readonly Dictionary<string, int> _numbers = [];
    private readonly SortedDictionary<string, long> _apart = new(StringComparer.Ordinal);

    public EngineFuzzer(IEngine engine, ProcessorModel model, ulong seed)
    {
        _engine = engine;
        _runsUsersAlone = engine.Kind is MonitorKind.Hybrid or MonitorKind.Translating;
        _model = model;
        _seed = seed;
        _guests = new EngineGuest(model, seed);
        for (int vector = 0; vector < 256; vector++)
        {
            _numbers[Harness.Isa.Vectors.Name((byte)vector)] = vector;
        }
    }

    public long Inputs { get; private set; }

    public long InputsRetired { get; private set; }

    public long Instructions { get; private set; }

    public long Retired { get; private set; }

    public IReadOnlyList<long> Vectors => _vectors;

    public IReadOnlyList<long> Traps => _traps;

    /// <summary>Inputs that the engine does not take, or stopped with its reason; none of their instructions are counted.</summary>
    public IEnumerable<(string What, long Count)> Notes => _apart.Select(pair => (pair.Key, pair.Value));

    public bool Sees(Vector vector) => _engine.Kind == MonitorKind.Deprivileged || vector is not (Vector.BP or Vector.OF);

    public Finding? Run(long number)
    {
        try
        {
            return Judge(number) is { } what ? new Finding(number, what) : null;
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

    public void Print(long number, TextWriter output)
    {
        RunRequest request = Request(number, _engine) with { KeepEvents = true };
        GuestEntry entry = request.Guest.Entry;
        output.WriteLine($"{entry.Mode}, CS {entry.Cs:X4}, CR0 {entry.Cr0:X8}, CR4 {entry.Cr4:X}, EFLAGS {entry.Eflags:X8}, {request.MaxInstructions} ticks");
        if (GuestRunner.NotApplicable(request) is { } reason)
        {
            output.WriteLine(reason);
            return;
        }

        EngineRun run = GuestRunner.Run(request);
        foreach (EngineEvent e in run.Ledger.All.Concat(run.MachineEvents.All).OrderBy(e => e.Tick))
        {
            output.WriteLine($"{e.Tick,5} {e.Address} level {e.Level} CPL {e.Cpl} {e.Kind} {e.Cause} {e.Reason} {e.Instruction} {e.Detail}");
        }

        output.WriteLine($"{run.End} {run.StopReason} at tick {run.Ticks}");
    }

    public void Dispose()
    {
    }

    private string? Judge(long number)
    {
        RunRequest request = Request(number, _engine);
        if (GuestRunner.NotApplicable(request) is { } reason)
        {
            CountApart("not applicable: " + reason);
            return null;
        }

        EngineRun run = GuestRunner.Run(request);
        if (run.End == GuestEnd.Unsupported)
        {
            CountApart("stopped: " + run.StopReason);
        }
        else
        {
            Count(run);
        }

        if (run.Ticks - run.HaltedTicks > request.MaxInstructions + Fuzzer.Overshoot(request.Model))
        {
            return $"tick {run.Ticks}, limit {request.MaxInstructions}";
        }

        return _engine.Kind != MonitorKind.Deprivileged ? DifferenceFromBare(number, run)
            : number % Repeat == 0 ? Difference("again", run, GuestRunner.Run(Request(number, _engine)))
            : null;
    }

    private string? DifferenceFromBare(long number, EngineRun run)
    {
        RunRequest bare = Request(number, EngineRegistry.Bare);
        if (Difference("bare", run, GuestRunner.Run(bare)) is not { } difference)
        {
            return null;
        }

        // A table may also lie in a page that the guest itself has as read-only.
        if (run.Ledger.Totals.Any(count => count.First.Reason is "trace" or "write-protect"))
        {
            CountApart("apart: page tables in use were written, and a processor may go by either");
            return null;
        }

        Divergence? first = Equivalence.Diverge(bare, Request(number, _engine)).FirstDivergence;
        if (first is not null && run.Retired.Regimes.Any(regime => regime.Name == "v86") && ShowsIopl(first))
        {
            CountApart("apart: virtual-8086 mode has IOPL 3");
            return null;
        }

        if (_runsUsersAlone && first is not null && _shownToUsers.Contains(Mnemonic(first)))
        {
            CountApart($"apart: {Mnemonic(first)} in user mode does not trap");
            return null;
        }

        // INT1 reaches the monitor through the processor's own gate. By then it has retired, whatever becomes of the delivery through the guest's, and where
        // that leads to further faults the step that is recorded is no instruction's and ends on the monitor's stack.
        if (_runsUsersAlone && first is { Value: ['#', ..], Bare: 1, Found: 0 } or { Instruction: "" } && run.Ledger.Totals.Any(count => count.First.Cause == "#DB"))
        {
            CountApart("apart: the delivery that int1 in user mode asks for faults");
            return null;
        }

        if (first is { Value: "eflags.RF" } || (first is not null && ShowsResumeFlag(first) && RepeatsDebugTrap(number, first.Tick)))
        {
            CountApart("apart: an exit by a fault saves RF as 1, whatever the guest had");
            return null;
        }

        return $"{difference}: {first}";
    }

    private static string Mnemonic(Divergence first) => first.Instruction.Split(' ')[0];

    /// <summary>Where real mode runs as virtual-8086 mode, the hardware stores IOPL as 3 and loads no other.</summary>
    private static bool ShowsIopl(Divergence first)
    {
        const long SecondByte = Eflags.IOPL >> 8;
        bool stores = first.Instruction.StartsWith("pushf", StringComparison.Ordinal) || first.Instruction.StartsWith("int", StringComparison.Ordinal);
        return first.Value == "eflags.IOPL" || (stores && first.Found >= 0 && (first.Found & SecondByte) == SecondByte);
    }

    /// <summary>
    /// A fault that is the monitor's alone, inside the delivery of a debug trap, which then has to be injected anew. The delivery takes a tick, and what it
    /// stored is compared at the tick of the handler's first instruction.
    /// </summary>
    private bool RepeatsDebugTrap(long number, long tick) => GuestRunner.Run(Request(number, _engine) with { KeepEvents = true }).Ledger.All
        .Any(e => e is { Kind: EngineEventKind.Injection, Cause: "#DB", Reason: "repeated" } && tick - e.Tick is >= 0 and <= 2);

    /// <summary>The byte with RF of an image of EFLAGS in memory, whichever instruction has just completed; memory is 0 where a side has not written.</summary>
    private static bool ShowsResumeFlag(Divergence first) =>
        first.Value.StartsWith('[') && (long.Max(first.Bare, 0) ^ long.Max(first.Found, 0)) == Eflags.RF >> 16;

    private RunRequest Request(long number, IEngine engine)
    {
        var chance = new Chance(_seed, number);
        GuestImage guest = _guests.Make(chance, out FirstState first);
        List<Injection> injections = [];
        if (chance.Percent(6))
        {
            injections.Add(Injection.Nmi(chance.Below(64)));
        }

        return new RunRequest
        {
            Engine = engine,
            Model = _model,
            Guest = guest,
            Costs = _costs,
            MaxInstructions = first.Limit,
            RecordEffects = false,
            Devices = new GuestDevices { ExitPort = null, Injections = injections },
        };
    }

    private void Count(EngineRun run)
    {
        long notInstructions = 0;
        foreach (EventCount count in run.MachineEvents.Totals)
        {
            if (count.First.Kind == EngineEventKind.Trap && _numbers.TryGetValue(count.First.Cause, out int vector))
            {
                _vectors[vector] += count.Count;
            }

            notInstructions += count.First.Cause is "#DB" or "#NMI" ? count.Count : 0;
        }

        foreach (EventCount count in run.Ledger.Totals)
        {
            if (!_numbers.TryGetValue(count.First.Cause, out int vector))
            {
                continue;
            }

            // INT3 and INTO raise nothing of their own in the machine: they enter their handler as part of the instruction, and only a monitor tells.
            _traps[vector] += count.First.Kind is EngineEventKind.Trap or EngineEventKind.HiddenFault ? count.Count : 0;
            _vectors[vector] += count.First.Kind == EngineEventKind.Injection && vector is (int)Vector.BP or (int)Vector.OF ? count.Count : 0;
        }

        Retired += run.Retired.Guest;

        // A handler that is entered takes a tick: of a fault that is the instruction's, of a trap or an NMI it is nobody's.
        Instructions += run.Ticks - run.HaltedTicks - notInstructions;
        InputsRetired += run.Retired.Guest > 0 ? 1 : 0;
    }

    private void CountApart(string reason) => _apart[reason] = _apart.GetValueOrDefault(reason) + 1;

    private static string? Difference(string other, EngineRun run, EngineRun second) =>
        run.End != second.End ? $"{run.End} / {other}: {second.End}"
        : run.Ticks != second.Ticks ? $"tick {run.Ticks} / {other}: {second.Ticks}"
        : run.Digest != second.Digest ? $"digest {run.Digest} / {other}: {second.Digest}"
        : null;
}
