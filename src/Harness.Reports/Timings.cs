using Harness.Records;

namespace Harness.Reports;

/// <summary>Host times by run and verdict.</summary>
internal sealed class Timings
{
    private readonly Dictionary<(string Scenario, int Run, string? Engine, string? Cpu), long> _microseconds = [];

    public Timings(IReadOnlyList<TimingRecord> timings)
    {
        foreach (var timing in timings)
        {
            _microseconds[(timing.Scenario, timing.Run, timing.Engine, timing.Cpu)] = timing.Microseconds;
        }
    }

    /// <summary>Microseconds; null when the run was not timed.</summary>
    public long? Of(RunRecord record) =>
        _microseconds.TryGetValue((record.Scenario, record.Run, record.Engine, record.Cpu), out var value) ? value : null;
}
