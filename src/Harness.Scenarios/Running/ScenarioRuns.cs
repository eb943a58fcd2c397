using Harness.Machine.Devices;
using Harness.Records;
using Harness.Vmm;
using GuestImage = Harness.Machine.GuestImage;

namespace Harness.Scenarios;

/// <summary>The runs that one execution of a scenario makes: numbers them, keeps their records, and says what becomes of the scenario by how they end.</summary>
internal sealed class ScenarioRuns(ScenarioContext scenario)
{
    private readonly List<string> _guests = [];
    private int _runs;

    /// <summary>The options of the invocation, put over the scenario's own choices.</summary>
    public RunRequest Request(GuestImage guest, string cpu, string cost, long maxInstructions, RunSettings settings)
    {
        if (maxInstructions < 1)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"expected a budget in ticks from 1; found {maxInstructions}"), nameof(maxInstructions));
        }

        RunOptions options = scenario.Host.Options;
        CheckNames(settings.EngineOptions);
        CheckNames(settings.RingDriver?.EngineOptions ?? new Dictionary<string, string>());
        var request = new RunRequest
        {
            Engine = scenario.Host.Engines[0],
            Model = scenario.Host.LoadModel(options.Cpu ?? cpu),
            Guest = guest,
            Costs = CostProfile.Load(options.Cost ?? cost),
            MaxInstructions = options.MaxInstructions ?? maxInstructions,
            Seed = options.Seed ?? settings.Seed,
            Options = settings.EngineOptions,
            KeepEvents = true,
            RecordEffects = settings.JudgeProperties,
            CountCr3Loads = settings.CountCr3Loads,
            Devices = settings.Devices with { Injections = [.. settings.Devices.Injections, .. settings.Injections] },
            Driver = settings.RingDriver is { } driver
                ? new DriverRequest(driver.Place, scenario.Host.Engines[0], driver.Guest, driver.Devices, driver.EngineOptions)
                : null,
            Cancellation = scenario.Host.Cancellation,
        };
        return settings.ExposeVirtualization ? request with { Withheld = [] } : request;
    }

    // A run is of many engines, of which each reads the options that it has: a name that none has is a mistake.
    private void CheckNames(IReadOnlyDictionary<string, string> options)
    {
        string[] names = [.. scenario.Host.Engines.SelectMany(e => e.Options).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (options.Keys.Order(StringComparer.Ordinal).FirstOrDefault(name => !names.Contains(name, StringComparer.Ordinal)) is { } unknown)
        {
            throw new ArgumentException($"No engine has an option '{unknown}'; there are {string.Join(", ", names)}.");
        }
    }

    /// <summary>The number of one more run of the scenario.</summary>
    public int NextNumber() => ++_runs;

    /// <summary>Runs a guest under the bare machine and then under the engines asked for, with a record for each.</summary>
    public RunSet Run(RunRequest request, GuestEnd? ends, MonitorKind monitors) => Run(request, ends, monitors, ++_runs, scenario.Host.Add);

    /// <summary>Runs a guest with an injection at every tick of a range and checks each of these runs. There is one record for each engine.</summary>
    public void Sweep(RunRequest request, GuestEnd? ends, MonitorKind monitors, long from, long to, Func<long, Injection> inject, Action<RunSet> check)
    {
        if (from > to)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Expected a first tick and a last one that is not before it; found from {from} to {to}."));
        }

        int number = ++_runs;
        List<RunRecord> records = [];
        try
        {
            for (long tick = from; tick <= to; tick++)
            {
                Injection injection = inject(tick);
                scenario.Disturbance = injection.ToString();
                RunRequest one = request with { Devices = request.Devices with { Injections = [.. request.Devices.Injections, injection] } };
                check(Run(one, ends, monitors, number, records.Add));
            }

            scenario.Disturbance = null;
        }
        finally
        {
            foreach (var engine in records.GroupBy(r => r.Engine))
            {
                scenario.Host.Add(Scenarios.Sweep.Summarize([.. engine]));
            }
        }
    }

    /// <summary>The tick of the k-th event, counted from 1, of a kind in an undisturbed run under one engine, of which there is no record.</summary>
    public long TickOf(RunRequest request, string engine, Func<GuestRun, RunEvents> events, int k)
    {
        IEngine? chosen = scenario.Host.Engines.FirstOrDefault(e => e.Name == engine);
        if (chosen is null || k < 1)
        {
            string known = string.Join(", ", scenario.Host.Engines.Select(e => e.Name));
            throw new ArgumentException($"Expected the k-th event, k from 1, under one of {known}; found k = {k}, engine '{engine}'.");
        }

        RunRequest one = request with { Engine = chosen, RecordEffects = false };
        if (GuestRunner.NotApplicable(one) is { } reason)
        {
            scenario.NotApplicable($"the place of the injection is an event under {engine}: {reason}");
        }

        RunEvents found = events(new GuestRun(Execute(one), null, scenario));
        int count = ((IEnumerable<EngineEvent>)found).Count();
        return k <= count
            ? found.ElementAt(k - 1).Tick
            : throw new ScenarioEndedException(Outcome.Failed, $"expected at least {k} events {found.Description} under {engine}, found {count}");
    }

    private RunSet Run(RunRequest request, GuestEnd? ends, MonitorKind monitors, int number, Action<RunRecord> keep)
    {
        string name = Name(request.Guest);
        List<GuestRun> runs = [];
        List<MissingRun> missing = [];
        foreach (IEngine engine in scenario.Host.Engines.Where(e => e.Kind == MonitorKind.Bare || (e.Kind & monitors) != 0))
        {
            RunRequest one = request with { Engine = engine, Driver = request.Driver is { Place: DriverPlace.ServiceMachine } driver ? driver with { Engine = engine } : request.Driver };
            if (NotRun(engine) is { } unselected)
            {
                missing.Add(new MissingRun(engine, unselected));
            }
            else if (GuestRunner.NotApplicable(one) is { } reason)
            {
                missing.Add(new MissingRun(engine, reason));
                keep(RunRecords.NotApplicable(one, number, reason));
            }
            else
            {
                EngineRun run = Execute(one);
                if (run.End == GuestEnd.Unsupported)
                {
                    missing.Add(new MissingRun(engine, run.StopReason!));
                    keep(RunRecords.NotApplicable(one, number, run.StopReason!));
                }
                else
                {
                    runs.Add(Judge(run, runs.FirstOrDefault(), number, name, ends, keep));
                }
            }
        }

        return new RunSet(scenario, runs, missing);
    }

    private GuestRun Judge(EngineRun run, GuestRun? bare, int number, string guest, GuestEnd? ends, Action<RunRecord> keep)
    {
        EquivalenceVerdict? equivalence = run.Effects is null ? null
            : bare is null ? new EquivalenceVerdict(true, null, null, false)
            : Equivalence.Compare(bare.Details, run);
        bool unasked = run.End == GuestEnd.Limit && ends is not (null or GuestEnd.Limit);
        bool wrongEnd = bare is null && ends is { } expected && run.End != expected;
        string? unhandled = bare is null && ends == GuestEnd.Done ? Guest.UnhandledIn(run.ExitCode) : null;
        wrongEnd |= unhandled is not null;
        Outcome outcome = unasked ? Outcome.Limit : wrongEnd ? Outcome.Failed : Outcome.Passed;
        string? message = outcome == Outcome.Passed ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{guest} under {run.Engine.Name}: expected to end by {ends}, found {unhandled ?? run.End.ToString()} at tick {run.Ticks}, EIP {run.Final.Eip:X8}{(unasked ? $"; the budget is {run.Request.MaxInstructions} instructions" : "")}");
        keep(RunRecords.Of(run, number, bare is null ? null : equivalence, outcome, message));
        return wrongEnd ? throw new ScenarioEndedException(outcome, message!) : new GuestRun(run, equivalence, scenario);
    }

    private EngineRun Execute(RunRequest request)
    {
        EngineRun run = scenario.Host.Execute(request);
        scenario.Cancellation.ThrowIfCancellationRequested();
        return run;
    }

    /// <summary>Why the invocation does not want an engine; null: it does.</summary>
    public string? NotRun(IEngine engine) =>
        engine.Kind == MonitorKind.Bare || scenario.Host.Options.Engines is not { } chosen || chosen.Contains(engine.Name) ? null : "--engine leaves it out";

    /// <summary>The guest as results call it; at its first use it goes into the snapshot.</summary>
    public string Name(GuestImage guest)
    {
        int known = _guests.IndexOf(guest.Digest);
        if (known < 0)
        {
            known = _guests.Count;
            _guests.Add(guest.Digest);
            scenario.Host.Add(new SnapshotGuest(Numbered(known), new Records.GuestImage(guest.Digest, guest.Bytes), GuestDisassembly.Lines(guest)));
        }

        return Numbered(known);
    }

    private static string Numbered(int index) => string.Create(CultureInfo.InvariantCulture, $"guest {index + 1}");
}

/// <summary>The bare machine did not bring the guest to the end that the scenario expects: nothing else can be judged.</summary>
public sealed class ScenarioEndedException(Outcome outcome, string message) : Exception(message)
{
    /// <summary>Of the scenario.</summary>
    public Outcome Outcome { get; } = outcome;
}
