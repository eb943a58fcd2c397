using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using Harness.Vmm.Classification;

namespace Harness.Fuzz;

/// <summary>An engine as the campaign runs it.</summary>
/// <param name="Name">The engine's name, with its options.</param>
/// <param name="Engine">The engine.</param>
/// <param name="Options">Its options.</param>
/// <param name="ForDirectReturn">Programs of <see cref="ProgramKind.DirectReturn"/> and no others.</param>
public sealed record CampaignEngine(string Name, IEngine Engine, IReadOnlyDictionary<string, string> Options, bool ForDirectReturn);

/// <summary>What became of programs under an engine.</summary>
public sealed class EngineTally
{
    /// <summary>Programs without a harmful execution, the same as on the bare machine.</summary>
    public long Same { get; set; }

    /// <summary>Programs with one, which the comparison named.</summary>
    public long Named { get; set; }

    /// <summary>Kernels with a sensitive instruction that no hypercall stands for, which the engine named.</summary>
    public long Refused { get; set; }

    /// <summary>The harmful executions that were named, by instruction and component.</summary>
    public SortedDictionary<string, long> Harms { get; } = new(StringComparer.Ordinal);
}

/// <summary>
/// Runs generated programs on the bare machine and under engines. Under each, a program without a harmful execution has to end as on the bare machine, step by
/// step; in one with a harmful execution, the first difference has to be that very execution.
/// </summary>
public sealed class ProgramCampaign
{
    private const long BareLimit = 100_000;

    /// <summary>Beyond what any program takes; one that has gone astray does not end.</summary>
    private const long Limit = 60_000;

    private readonly ProgramGenerator _generator;
    private readonly ProcessorModel _model = ModelRegistry.Load("yonah");
    private readonly CostProfile _costs = CostProfile.Load(CostProfile.Names[0]);
    private readonly SortedDictionary<string, long> _contents = new(StringComparer.Ordinal);

    public ProgramCampaign(ulong seed, IEnumerable<IEngine> engines)
    {
        _generator = new ProgramGenerator(seed);
        Engines = [.. engines.Where(e => e.Kind != MonitorKind.Bare).SelectMany(Variants)];
        Tallies = [.. Engines.Select(_ => new EngineTally())];
    }

    public IReadOnlyList<CampaignEngine> Engines { get; }

    /// <summary>In the order of <see cref="Engines"/>.</summary>
    public IReadOnlyList<EngineTally> Tallies { get; }

    public long Programs { get; private set; }

    /// <summary>Programs with system calls, changes of page tables and interrupts, and no harmful execution under any engine.</summary>
    public long Harmless { get; private set; }

    /// <summary>Programs with a harmful execution under some engine.</summary>
    public long Harmful { get; private set; }

    /// <summary>Programs by what they contain.</summary>
    public IEnumerable<(string What, long Count)> Contents => _contents.Select(pair => (pair.Key, pair.Value));

    /// <summary>Runs a program everywhere. Empty: no finding.</summary>
    public IReadOnlyList<string> Run(long number)
    {
        GeneratedProgram program = _generator.Make(number);
        EngineRun bare = GuestRunner.Run(Request(program, EngineRegistry.Bare, EngineOptions.None, BareLimit));
        if (bare.End != GuestEnd.Done || bare.Ticks - bare.HaltedTicks > Limit / 2 || (uint)bare.ExitCode! >> 1 >= Guest.UnhandledInterrupt)
        {
            return [$"bare: {bare.End}, exit code {bare.ExitCode:X}, at tick {bare.Ticks}"];
        }

        Programs++;
        List<string> findings = [];
        bool harmful = false;
        for (int i = 0; i < Engines.Count; i++)
        {
            if (Engines[i].ForDirectReturn == (program.Kind == ProgramKind.DirectReturn) || Engines[i].Options.Count == 0)
            {
                if (Judge(program, bare, Engines[i], Tallies[i], ref harmful) is { } finding)
                {
                    findings.Add($"{Engines[i].Name}: {finding}");
                }
            }
        }

        Count(program, bare, harmful);
        return findings;
    }

    private static IEnumerable<CampaignEngine> Variants(IEngine engine)
    {
        yield return new CampaignEngine(engine.Name, engine, EngineOptions.None, false);
        if (engine.Kind == MonitorKind.Deprivileged)
        {
            yield return new CampaignEngine(engine.Name + " userReturn=direct", engine, EngineOptions.DirectReturn, true);
        }
    }

    private string? Judge(GeneratedProgram program, EngineRun bare, CampaignEngine under, EngineTally tally, ref bool harmful)
    {
        RunRequest request = Request(program, under.Engine, under.Options, Limit);
        if (GuestRunner.NotApplicable(request) is { } reason)
        {
            if (program.Kind != ProgramKind.SensitiveKernel || under.Engine.Level != EquivalenceLevel.Programs)
            {
                return "not applicable: " + reason;
            }

            tally.Refused++;
            return null;
        }

        EngineRun run = GuestRunner.Run(request);
        if (run.End == GuestEnd.Unsupported)
        {
            return "stopped: " + run.StopReason;
        }

        if (run.FirstHarm is not null)
        {
            harmful = true;
        }

        EquivalenceVerdict verdict = Equivalence.Compare(bare, run);
        if (run.FirstHarm is not { } harm)
        {
            tally.Same += verdict.Holds ? 1 : 0;
            return verdict.Holds ? null : $"no execution is harmful, and yet {verdict.FirstDivergence}";
        }

        if (verdict.FirstDivergence is not { } first || !IsAt(first, harm, under.Engine.Level))
        {
            return $"harmful is {harm}; found is {verdict.FirstDivergence?.ToString() ?? "nothing"}";
        }

        tally.Named++;
        string kind = $"{harm.Instruction.Split(' ')[0]} {harm.Component}";
        tally.Harms[kind] = tally.Harms.GetValueOrDefault(kind) + 1;
        return null;
    }

    /// <summary>Where only one side raised a fault, the instruction and the fault's delivery are ticks apart; programs have no common clock.</summary>
    private static bool IsAt(Divergence first, HarmfulExecution harm, EquivalenceLevel level) =>
        first.Address == harm.Address && (level == EquivalenceLevel.Programs || first.Tick == harm.Tick || (first.Value[0] == '#' && first.Tick - harm.Tick is >= 0 and <= 2));

    private void Count(GeneratedProgram program, EngineRun bare, bool harmful)
    {
        uint Counter(uint address) => bare.Memory.ReadUInt32(new GuestPhysicalAddress(address));
        bool calls = Counter(ProgramGenerator.SystemCalls) > 0;
        bool paging = Counter(ProgramGenerator.PageTableChanges) > 0;
        bool timer = Counter(ProgramGenerator.TimerInterrupts) > 0;
        bool injected = Counter(ProgramGenerator.InjectedInterrupts) > 0;
        Harmless += calls && paging && (timer || injected) && !harmful ? 1 : 0;
        Harmful += harmful ? 1 : 0;
        Add(program.Kind.ToString(), true);
        Add("system calls", calls);
        Add("changes of page tables", paging);
        Add("page faults", bare.MachineEvents.Totals.Any(e => e.First.Cause == "#PF"));
        Add("timer interrupts", timer);
        Add("injected interrupts", injected);
        Add("other exceptions", Counter(ProgramGenerator.Exceptions) > 0);
        Add("several processes", program.Processes > 1);
        Add("output on devices", bare.Console.Length > 0);
        Add("a disk with a ring", program.Ring != RingUse.None);

        void Add(string what, bool contains)
        {
            if (contains)
            {
                _contents[what] = _contents.GetValueOrDefault(what) + 1;
            }
        }
    }

    private RunRequest Request(GeneratedProgram program, IEngine engine, IReadOnlyDictionary<string, string> options, long limit) => new()
    {
        Engine = engine,
        Model = _model,
        Guest = program.Image,
        Costs = _costs,
        MaxInstructions = limit,
        Options = program.Ring == RingUse.Dedicated && options.Count == 0 ? EngineOptions.Dedicated : options,
        Devices = new GuestDevices
        {
            Injections = program.Injections,
            DebugPorts = [ProgramGenerator.DebugPort],
            RingDisk = program.Ring == RingUse.None ? null : ProgramGenerator.RingDisk,
        },
    };

    private static class EngineOptions
    {
        public static IReadOnlyDictionary<string, string> None { get; } = new Dictionary<string, string>();

        public static IReadOnlyDictionary<string, string> Dedicated { get; } = new Dictionary<string, string> { ["ring"] = "dedicated" };

        public static IReadOnlyDictionary<string, string> DirectReturn { get; } = new Dictionary<string, string> { ["userReturn"] = "direct" };
    }
}
