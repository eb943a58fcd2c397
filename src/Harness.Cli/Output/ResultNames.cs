using Harness.Records;

namespace Harness.Cli.Output;

/// <summary>Outcomes as people read them.</summary>
internal static class ResultNames
{
    public static string Of(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "passed",
        Outcome.Failed => "failed",
        Outcome.Error => "error",
        Outcome.Limit => "limit",
        _ => "not applicable",
    };

    public static string Of(SnapshotStatus? status) => status switch
    {
        null => "-",
        SnapshotStatus.Equal => "equal",
        SnapshotStatus.New => "new",
        SnapshotStatus.Changed => "changed",
        SnapshotStatus.Orphaned => "orphaned",
        SnapshotStatus.Damaged => "damaged",
        _ => "inaccessible",
    };
}
