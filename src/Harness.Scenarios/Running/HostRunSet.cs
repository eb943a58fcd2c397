using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>One host's machines under every engine that was asked for and applies.</summary>
public sealed class HostRunSet
{
    private readonly ScenarioContext _scenario;
    private readonly IReadOnlyList<MissingRun> _missing;

    internal HostRunSet(ScenarioContext scenario, string? refusal, IReadOnlyList<HostedRuns> runs, IReadOnlyList<MissingRun> missing)
    {
        _scenario = scenario;
        _missing = missing;
        Refusal = refusal;
        All = runs;
    }

    /// <summary>Why the host does not take the machines on (their minima or the swap space are too much); null: it does.</summary>
    public string? Refusal { get; }

    /// <summary>The hosts that ran, one for each engine.</summary>
    public IReadOnlyList<HostedRuns> All { get; }

    /// <summary>Checks the host under each engine of the kinds. Where one was not run or does not apply, the check is skipped and counted as such.</summary>
    public void Each(MonitorKind kinds, Action<HostedRuns> check)
    {
        Given.NotNull(check, "a check such as h => h.Machines[0].Run.Should().MatchBare()");
        foreach (HostedRuns run in All.Where(r => (r.Kinds & kinds) != 0))
        {
            _scenario.Engine = run.Engine;
            check(run);
            _scenario.Engine = null;
            _scenario.Host.Count(1, 0);
        }

        _scenario.Host.Count(0, _missing.Count(m => (m.Engine.Kind & kinds) != 0));
    }
}

/// <summary>What became of one host's machines under one engine.</summary>
public sealed class HostedRuns
{
    internal HostedRuns(string engine, HostRun run, IReadOnlyList<HostedGuest> machines)
    {
        Engine = engine;
        Details = run;
        Machines = machines;
    }

    /// <summary>Name of the engine; of several, those of the machines, each once.</summary>
    public string Engine { get; }

    /// <summary>In the order in which they were declared.</summary>
    public IReadOnlyList<HostedGuest> Machines { get; }

    /// <summary>The machine of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public HostedGuest this[string name] => Machines.FirstOrDefault(m => m.Name == name)
        ?? throw new ArgumentException($"There is no machine '{name}'; there are {string.Join(", ", Machines.Select(m => m.Name))}.", nameof(name));

    /// <summary>Times that another machine than the one before got the processor.</summary>
    public long WorldSwitches => Details.WorldSwitches;

    /// <summary>Ticks of all machines together.</summary>
    public long Ticks => Details.Ticks;

    /// <summary>Frames that guests could have together.</summary>
    public int Frames => Details.Frames;

    /// <summary>The reclamation states in the order in which they were entered.</summary>
    public IReadOnlyList<ReclamationState> States => [.. Details.States.Select(s => s.State)];

    /// <summary>Frames of all shadow page tables at the ends of the machines.</summary>
    public int ShadowFrames => Machines.Sum(m => m.Use.Shadows.Frames);

    /// <summary>Everything that is known of the host.</summary>
    public HostRun Details { get; }

    internal MonitorKind Kinds => Machines.Aggregate(MonitorKind.None, (kinds, m) => kinds | m.Run.Kind);
}

/// <summary>One machine of a host: its guest's run, and what it used.</summary>
public sealed record HostedGuest(string Name, GuestRun Run, HostUse Use);
