using Harness.Records;
using Harness.Running;

namespace Harness.Cli.Output;

/// <summary>Results for people: a line each as they come, what is wrong below it, a table of the engines, and the totals with what to do next.</summary>
internal sealed class ConsoleResults(CommandEnvironment environment, bool quiet, bool verbose) : ResultWriter
{
    private const int OutcomeWidth = 14;
    private const string Indent = "    ";

    private int _idWidth;

    /// <inheritdoc/>
    public override void Begin(IReadOnlyList<RunItem> items)
    {
        _idWidth = items.Select(i => i.Id.Length).Append("scenario".Length).Max();
        if (!quiet)
        {
            environment.Out.WriteLine($"{"outcome",-OutcomeWidth}  {"scenario".PadRight(_idWidth)}  runs  snapshot");
        }
    }

    /// <inheritdoc/>
    public override void Add(ScenarioResult result)
    {
        if (quiet && result.IsGood)
        {
            return;
        }

        var verdict = result.Verdict;
        var outcome = ResultNames.Of(verdict.Outcome).PadRight(OutcomeWidth);
        var painted = verdict.Outcome switch
        {
            Outcome.Passed => Colour.Good(environment, outcome),
            Outcome.NotApplicable => Colour.Faint(environment, outcome),
            _ => Colour.Bad(environment, outcome),
        };
        environment.Out.WriteLine($"{painted}  {result.Item.Id.PadRight(_idWidth)}  {result.Records.Count(r => r.Engine is not null && r.Outcome != Outcome.NotApplicable),4}  {ResultNames.Of(result.Snapshot?.Status)}");

        // Why a script did not load is on standard error already.
        if (result.Item.Declaration is not null && verdict.Message is { Length: > 0 } message)
        {
            environment.Out.WriteLine(Indent + string.Join("\n" + Indent, Printable.Lines(message.TrimEnd())));
        }

        if (result.Snapshot is { Status: not SnapshotStatus.Equal } snapshot)
        {
            DiffText.Write(environment, snapshot);
        }
    }

    /// <inheritdoc/>
    public override void End(IReadOnlyList<ScenarioResult> results, IReadOnlyList<SnapshotComparison> orphans)
    {
        foreach (var orphan in orphans)
        {
            DiffText.Write(environment, orphan);
        }

        if (!quiet)
        {
            EngineTable.Write(environment.Out, results, verbose);
        }

        var totals = results.GroupBy(r => r.Verdict.Outcome).OrderBy(g => g.Key).Select(g => $"{g.Count()} {ResultNames.Of(g.Key)}");
        var comparisons = results.Select(r => r.Snapshot).OfType<SnapshotComparison>().Concat(orphans)
            .GroupBy(s => s.Status).OrderBy(g => g.Key).Select(g => $"{g.Count()} {ResultNames.Of(g.Key)}").ToList();
        var snapshots = comparisons.Count == 0 ? "" : $"; snapshots: {string.Join(", ", comparisons)}";
        environment.Out.WriteLine($"{results.Count} scenario{(results.Count == 1 ? "" : "s")}: {string.Join(", ", totals)}{snapshots}");

        var received = results.Where(r => r.Snapshot?.Status is SnapshotStatus.New or SnapshotStatus.Changed or SnapshotStatus.Damaged)
            .Select(r => r.Item.Script).Distinct().ToList();
        if (received.Count > 0)
        {
            environment.Out.WriteLine($"When the results are right: harness accept {string.Join(' ', received)}");
        }
    }
}
