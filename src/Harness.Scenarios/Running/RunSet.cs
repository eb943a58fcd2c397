using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>One guest under every engine that was asked for and applies.</summary>
public sealed class RunSet
{
    private const string Checks = "a check such as e => e.Should().MatchBare()";

    private readonly ScenarioContext _scenario;
    private readonly IReadOnlyList<GuestRun> _runs;
    private readonly IReadOnlyList<MissingRun> _missing;

    internal RunSet(ScenarioContext scenario, IReadOnlyList<GuestRun> runs, IReadOnlyList<MissingRun> missing)
    {
        _scenario = scenario;
        _runs = runs;
        _missing = missing;
    }

    /// <summary>The reference.</summary>
    public GuestRun Bare => _runs[0];

    /// <summary>The runs there are, the bare one first.</summary>
    public IReadOnlyList<GuestRun> All => _runs;

    /// <summary>The run under an engine. If there is none, the body ends here without failure; <see cref="On"/> goes on.</summary>
    /// <exception cref="ArgumentException">There is no such engine.</exception>
    public GuestRun this[string engine] => Find(engine) ?? throw new EngineNotRunException(engine, Missing(engine)!.Reason);

    /// <summary>Checks each run under an engine of the kinds. Where one was not run or does not apply, the check is skipped and counted as such.</summary>
    public void Each(MonitorKind kinds, Action<GuestRun> check)
    {
        Given.NotNull(check, Checks);
        foreach (GuestRun run in _runs.Where(r => (r.Kind & kinds) != 0))
        {
            Check(run, check);
        }

        _scenario.Host.Count(0, _missing.Count(m => (m.Engine.Kind & kinds) != 0));
    }

    /// <summary>Checks the run under one engine, if there is one; else the check is skipped and counted as such.</summary>
    /// <exception cref="ArgumentException">There is no such engine.</exception>
    public void On(string engine, Action<GuestRun> check)
    {
        Given.NotNull(check, Checks);
        if (Find(engine) is { } run)
        {
            Check(run, check);
        }
        else
        {
            _scenario.Host.Count(0, 1);
        }
    }

    private void Check(GuestRun run, Action<GuestRun> check)
    {
        _scenario.Engine = run.Engine;
        check(run);
        _scenario.Engine = null;
        _scenario.Host.Count(1, 0);
    }

    private GuestRun? Find(string engine)
    {
        GuestRun? run = _runs.FirstOrDefault(r => r.Engine == engine);
        return run is not null || Missing(engine) is not null
            ? run
            : throw new ArgumentException($"There is no engine '{engine}'; there are {string.Join(", ", _scenario.Host.Engines.Select(e => e.Name))}.", nameof(engine));
    }

    private MissingRun? Missing(string engine) => _missing.FirstOrDefault(m => m.Engine.Name == engine);
}

/// <summary>An engine without a run, and why.</summary>
internal sealed record MissingRun(IEngine Engine, string Reason);

/// <summary>A scenario asks for the run under an engine that was not run: the rest of its body cannot be checked, which is no failure.</summary>
public sealed class EngineNotRunException(string engine, string reason) : Exception($"not checked from here on: no run under {engine}: {reason}")
{
    public string Engine { get; } = engine;
}
