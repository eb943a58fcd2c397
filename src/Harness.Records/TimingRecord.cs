namespace Harness.Records;

/// <summary>
/// Host time of one run or verdict. Timings live in a file of their own, one JSON object a line, so that records stay the same on
/// every computer.
/// </summary>
public sealed record TimingRecord
{
    /// <summary>The only schema that is written and read.</summary>
    public const string CurrentSchema = "harness-timing/1";

    /// <summary>Always <see cref="CurrentSchema"/>.</summary>
    public string Schema { get; init => field = value ?? CurrentSchema; } = CurrentSchema;

    /// <summary>As in <see cref="RunRecord.Scenario"/>.</summary>
    public required string Scenario { get; init; }

    /// <summary>As in <see cref="RunRecord.Run"/>.</summary>
    public int Run { get; init; }

    /// <summary>As in <see cref="RunRecord.Engine"/>.</summary>
    public string? Engine { get; init; }

    /// <summary>As in <see cref="RunRecord.Cpu"/>.</summary>
    public string? Cpu { get; init; }

    /// <summary>Elapsed host microseconds.</summary>
    public required long Microseconds { get; init; }
}
