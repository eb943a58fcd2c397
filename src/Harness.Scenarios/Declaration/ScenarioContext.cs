using System.Diagnostics.CodeAnalysis;
using Harness.Records;

namespace Harness.Scenarios;

/// <summary>What the body of a scenario works with: its declaration, the options of the invocation, and the host that runs guests for it.</summary>
public sealed class ScenarioContext
{
    /// <summary>A context for one execution of <paramref name="declaration"/>.</summary>
    public ScenarioContext(ScenarioDeclaration declaration, IScenarioHost host)
    {
        Declaration = declaration;
        Host = host;
    }

    /// <summary>The scenario that runs.</summary>
    public ScenarioDeclaration Declaration { get; }

    /// <summary>Runs guests and keeps their records.</summary>
    public IScenarioHost Host { get; }

    /// <summary>Ends a body that takes long, when the user gives up.</summary>
    public CancellationToken Cancellation => Host.Cancellation;

    /// <summary>Writes a line of progress; never part of a result.</summary>
    public void Log(string text) => Host.Log(text);

    /// <summary>Ends the scenario as not applicable.</summary>
    /// <param name="reason">What it needs and does not find.</param>
    /// <exception cref="ScenarioNotApplicableException">Always.</exception>
    [DoesNotReturn]
    public void NotApplicable(string reason) => throw new ScenarioNotApplicableException(reason);
}

/// <summary>What a scenario's body asks of the harness. The composition root implements it, once for each execution of a body.</summary>
public interface IScenarioHost
{
    /// <summary>The options of the invocation, which a run of a guest obeys.</summary>
    RunOptions Options { get; }

    /// <summary>Set when the user gives up.</summary>
    CancellationToken Cancellation { get; }

    /// <summary>Keeps the record of one guest under one engine; the scenario's own fields (id, title, file, ...) are filled in by the host.</summary>
    void Add(RunRecord record);

    /// <summary>Adds a guest to the scenario's snapshot, at its first use.</summary>
    void Add(SnapshotGuest guest);

    /// <summary>Counts assertions: those that held, and those skipped because their engine was not run.</summary>
    void Count(int passed, int skipped);

    /// <summary>Writes a line of progress; never part of a result.</summary>
    void Log(string text);
}

/// <summary>What an invocation overrides for every run; null where it leaves the scenario's own choice.</summary>
public sealed record RunOptions
{
    /// <summary>Names of the engines to run; <c>bare</c> always runs.</summary>
    public IReadOnlyList<string>? Engines { get; init; }

    /// <summary>Processor model.</summary>
    public string? Cpu { get; init; }

    /// <summary>Cost profile.</summary>
    public string? Cost { get; init; }

    /// <summary>Seed of the random streams.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Budget of a run in guest ticks less halted ones.</summary>
    public long? MaxInstructions { get; init; }

    /// <summary>Results that these options give cannot be compared with snapshots, which hold those of the scenario's own choices.</summary>
    public bool ChangesResults => Cpu is not null || Cost is not null || Seed is not null || MaxInstructions is not null;
}

/// <summary>The scenario needs something that is not there; an outcome, not a defect.</summary>
public sealed class ScenarioNotApplicableException(string reason) : Exception(reason);
