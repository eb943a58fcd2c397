using Harness.Records;

namespace Harness.Reports;

internal enum CaseState
{
    Passed,
    Failed,
    Error,
    Skipped,
}

/// <summary>A run or a verdict as the formats of continuous integration see it: one test case.</summary>
/// <param name="Name">The run's column, or "checks" for the verdict.</param>
/// <param name="Record">Its record.</param>
/// <param name="Held">What became of it, whatever its snapshot.</param>
/// <param name="IsReviewed">False: it passed, but its snapshot is new or changed.</param>
/// <param name="Message">Printable lines; empty when there is nothing to say.</param>
internal sealed record ReportCase(string Name, RunRecord Record, CaseState Held, bool IsReviewed, IReadOnlyList<string> Message)
{
    /// <summary>As continuous integration counts it: a new or changed snapshot fails its verdict.</summary>
    public CaseState State => IsReviewed ? Held : CaseState.Failed;

    /// <summary>As a person reads it, and as <c>run</c> says it: the outcome, and apart from it the snapshot.</summary>
    public string Result => IsReviewed ? Words.Of(Held) : $"{Words.Of(Held)}, snapshot {Words.Of(Record.Snapshot)}";

    /// <summary>Name of a verdict's case.</summary>
    public const string ChecksName = "checks";

    /// <summary>Scenario by scenario, the runs and then the verdict.</summary>
    public static IReadOnlyList<ReportCase> Of(IReadOnlyList<RunRecord> records) =>
        [.. ScenarioReport.Of(records).SelectMany(Of)];

    /// <inheritdoc cref="Of(IReadOnlyList{RunRecord})"/>
    public static IEnumerable<ReportCase> Of(ScenarioReport scenario)
    {
        foreach (var column in scenario.Columns)
        {
            yield return Of(Printable.Escape(column.Name), column.Record);
        }

        if (scenario.Verdict is { } verdict)
        {
            yield return Of(ChecksName, verdict);
        }
    }

    private static ReportCase Of(string name, RunRecord record)
    {
        var unreviewed = record.Snapshot is SnapshotVerdict.New or SnapshotVerdict.Changed;
        var held = record.Outcome switch
        {
            Outcome.NotApplicable => CaseState.Skipped,
            Outcome.Error => CaseState.Error,
            Outcome.Failed or Outcome.Limit => CaseState.Failed,
            _ => CaseState.Passed,
        };
        List<string> message = [.. Printable.Lines(record.Message ?? "")];
        if (unreviewed)
        {
            message.Add(record.Snapshot == SnapshotVerdict.New ? "The snapshot is new." : "The snapshot changed.");
        }

        return new(name, record, held, !(unreviewed && held == CaseState.Passed), message);
    }
}
