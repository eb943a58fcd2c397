using Harness.Records;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>Runs hosts with several machines for a scenario, each machine's bare run besides, and keeps a record for each machine.</summary>
internal sealed class ScenarioHosts(ScenarioContext scenario, ScenarioRuns runs)
{
    /// <summary>Runs of the bare machine by guest and by what the balloon was asked for: machines that are alike have one.</summary>
    private readonly Dictionary<string, EngineRun> _bare = [];

    /// <summary>Runs the machines under each engine, or once if each says its own.</summary>
    public HostRunSet Run(int pages, HostPlan plan, string cpu, string cost, GuestEnd? ends, HostSettings settings)
    {
        int number = runs.NextNumber();
        foreach (PlannedMachine machine in plan.Machines)
        {
            runs.Name(machine.Guest);
        }

        RunRequest[] requests = [.. plan.Machines.Select(m => runs.Request(m.Guest, cpu, cost, ScenarioContext.DefaultBudget, settings.Runs))];
        HostOptions options = settings.Options(pages, requests.Length, requests[0].Seed);
        if (Admission.Refuses(options, [.. plan.Machines.Select((m, i) => m.With(requests[i]))]) is { } refusal)
        {
            scenario.Host.Add(new SnapshotFact(string.Create(CultureInfo.InvariantCulture, $"host {number}"), [$"refused: {refusal}"]), shows: false);
            return new HostRunSet(scenario, refusal, [], []);
        }

        List<HostedRuns> hosts = [];
        List<MissingRun> missing = [];
        IEnumerable<IEngine> engines = Monitors.Where(e => (e.Kind & settings.Runs.Monitors) != 0);
        foreach (IEngine engine in plan.Machines.All(m => m.Engine is not null) ? engines.Take(1) : engines)
        {
            HostedMachine[] machines = [.. plan.Machines.Select((m, i) => m.With(requests[i] with { Engine = Find(m.Engine) ?? engine }))];
            if (machines.Select(m => runs.NotRun(m.Request.Engine)).OfType<string>().FirstOrDefault() is { } unselected)
            {
                missing.Add(new MissingRun(engine, unselected));
            }
            else if (ConsolidatedHost.NotApplicable(options, machines) is { } reason)
            {
                missing.Add(new MissingRun(engine, reason));
                scenario.Host.Add(RunRecords.NotApplicable(machines[0].Request with { Engine = engine }, number, reason));
            }
            else
            {
                hosts.Add(Judge(scenario.Host.Execute(options, machines, settings.MaxTicks), number, ends));
            }
        }

        return new HostRunSet(scenario, null, hosts, missing);
    }

    private IEnumerable<IEngine> Monitors => scenario.Host.Engines.Where(e => e.Kind != MonitorKind.Bare);

    private IEngine? Find(string? engine) => engine is null
        ? null
        : Monitors.FirstOrDefault(e => e.Name == engine)
            ?? throw new ArgumentException($"There is no engine '{engine}' with a monitor; there are {string.Join(", ", Monitors.Select(e => e.Name))}.", nameof(engine));

    private HostedRuns Judge(HostRun host, int number, GuestEnd? ends)
    {
        scenario.Cancellation.ThrowIfCancellationRequested();
        List<HostedGuest> machines = [];
        foreach (HostedRun machine in host.Machines)
        {
            string guest = runs.Name(machine.Machine.Request.Guest);
            EquivalenceVerdict? equivalence = machine.Run.Effects is null ? null : Equivalence.Compare(Bare(machine, number), machine.Run);
            Outcome outcome = ends is null || machine.Run.End == ends ? Outcome.Passed : machine.Run.End == GuestEnd.Limit ? Outcome.Limit : Outcome.Failed;
            string? message = outcome == Outcome.Passed ? null : string.Create(
                CultureInfo.InvariantCulture,
                $"machine {machine.Machine.Name}, {guest} under {machine.Run.Engine.Name}: expected to end by {ends}, found {machine.Run.End} at tick {machine.Run.Ticks}, EIP {machine.Run.Final.Eip:X8}");
            scenario.Host.Add(RunRecords.Of(machine.Run, number, equivalence, outcome, message) with { Machine = RunRecords.UseOf(machine, host) });
            if (outcome != Outcome.Passed)
            {
                throw new ScenarioEndedException(outcome, message!);
            }

            machines.Add(new HostedGuest(machine.Machine.Name, new GuestRun(machine.Run, equivalence, scenario), machine.Use));
        }

        return new HostedRuns(string.Join("+", machines.Select(m => m.Run.Engine).Distinct()), host, machines);
    }

    /// <summary>The run to compare with. The first of a guest has a record.</summary>
    private EngineRun Bare(HostedRun machine, int number)
    {
        RunRequest request = machine.Reference(scenario.Host.Engines[0]);
        string guest = string.Create(CultureInfo.InvariantCulture, $"{number};{request.Guest.Digest};{request.Devices.Balloon}");
        string key = $"{guest};{string.Join(',', request.Devices.BalloonTargets)}";
        if (!_bare.TryGetValue(key, out EngineRun? run))
        {
            run = scenario.Host.Execute(request);
            scenario.Cancellation.ThrowIfCancellationRequested();
            _bare.Add(key, run);
            if (_bare.TryAdd(guest, run))
            {
                scenario.Host.Add(RunRecords.Of(run, number, null, Outcome.Passed, null) with { Machine = new MachineUse { Name = machine.Machine.Name } });
            }
        }

        return run;
    }
}
