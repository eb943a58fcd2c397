using System.Security.Cryptography;
using System.Text;
using Harness.Records;

namespace Harness.Scenarios;

/// <summary>The runs of a sweep, which keeps one record for each engine instead of one for each run.</summary>
internal static class Sweep
{
    /// <summary>The records of one engine as one: totals added, the first divergence kept, the digest over all digests.</summary>
    public static RunRecord Summarize(IReadOnlyList<RunRecord> records)
    {
        RunRecord first = records[0];
        RunRecord worst = records.FirstOrDefault(r => r.Outcome != Outcome.Passed) ?? first;
        if (first.Ticks is null)
        {
            return first;
        }

        RunRecord[] ran = [.. records.Where(r => r.Ticks is not null)];
        string digests = string.Join('\n', ran.Select(r => r.Digest));
        return first with
        {
            Outcome = worst.Outcome,
            Message = worst.Message,
            Ticks = new TickCount(ran.Sum(r => r.Ticks!.Total), ran.Sum(r => r.Ticks!.Halted)),
            Retired = new RetiredCount(
                ran.Sum(r => r.Retired!.Guest), ran.Sum(r => r.Retired!.Direct), ran.Sum(r => r.Retired!.Translated), ran.Sum(r => r.Retired!.Emulated)),
            Regimes = Add(ran.SelectMany(r => r.Regimes)),
            Cycles = new CycleCount(ran.Sum(r => r.Cycles!.Guest), ran.Sum(r => r.Cycles!.Overhead)),
            Events = Add(ran.SelectMany(r => r.Events)),
            Properties = ran.Select(r => r.Properties).FirstOrDefault(p => p?.Equivalence is { Holds: false }) ?? first.Properties,
            Console = "",
            Digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(digests))),
            Assumptions = [.. ran.SelectMany(r => r.Assumptions).Distinct()],
        };
    }

    private static RegimeCount[] Add(IEnumerable<RegimeCount> regimes) =>
        [.. regimes.GroupBy(r => r.Name).Select(g => new RegimeCount(g.Key, g.Sum(r => r.Direct), g.Sum(r => r.Emulated)))];

    private static EventTotal[] Add(IEnumerable<EventTotal> totals) =>
    [
        .. totals.GroupBy(t => t with { Count = 0, Cycles = 0 }).Select(g => g.Key with { Count = g.Sum(t => t.Count), Cycles = g.Sum(t => t.Cycles) }),
    ];
}
