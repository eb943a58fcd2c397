using Harness.Records;
using Harness.Scenarios;

namespace Harness.Running;

/// <summary>One thing of a run that gets a verdict: a scenario, or a script that never got as far as declaring one.</summary>
public sealed record RunItem
{
    /// <summary>Id of the scenario, or of the script.</summary>
    public required string Id { get; init; }

    /// <summary>The script as results show it.</summary>
    public required string Script { get; init; }

    /// <summary>The file with the declaration as results show it: the script, or one that it loads.</summary>
    public required string File { get; init; }

    /// <summary>Line of the declaration, or of the failure; from 1.</summary>
    public int Line { get; init; } = 1;

    /// <summary>The scenario; null when the script got no further than <see cref="Failure"/> says.</summary>
    public ScenarioDeclaration? Declaration { get; init; }

    /// <summary>Why there is nothing to run; null when there is.</summary>
    public string? Failure { get; init; }

    /// <summary>The script is at fault as an input (unreadable, does not compile), rather than as a program.</summary>
    public bool Refused { get; init; }

    /// <summary>Where the scenario's snapshot is kept; null when none is compared.</summary>
    public required SnapshotStore? Snapshots { get; init; }
}

/// <summary>The verdict of a run on one item.</summary>
/// <param name="Item">What was run.</param>
/// <param name="Records">The records of its runs in order, the verdict last.</param>
/// <param name="Snapshot">The comparison; null when none was made.</param>
public sealed record ScenarioResult(RunItem Item, IReadOnlyList<RunRecord> Records, SnapshotComparison? Snapshot)
{
    /// <summary>The record that holds the verdict.</summary>
    public RunRecord Verdict => Records[^1];

    /// <summary>It passed or does not apply, and its snapshot, if any was compared, is Equal.</summary>
    public bool IsGood => Verdict.Outcome is Outcome.Passed or Outcome.NotApplicable && Snapshot is null or { Status: SnapshotStatus.Equal };
}
