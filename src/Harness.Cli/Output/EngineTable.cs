using System.Globalization;
using Harness.Records;
using Harness.Running;

namespace Harness.Cli.Output;

/// <summary>Scenarios against engines: a line for each scenario with what became of its guest under each engine, and the totals of each engine.</summary>
internal static class EngineTable
{
    private const int MostLines = 24;

    /// <summary>Writes the tables; nothing when nothing ran. Many scenarios get totals only, unless <paramref name="everyScenario"/>.</summary>
    public static void Write(TextWriter writer, IReadOnlyList<ScenarioResult> results, bool everyScenario)
    {
        var scenarios = results.Where(r => r.Records.Any(IsRun)).ToList();
        var engines = scenarios.SelectMany(r => r.Records.Where(IsRun)).Select(r => r.Engine!).Distinct().ToList();
        if (engines.Count == 0)
        {
            return;
        }

        writer.WriteLine();
        if (everyScenario || scenarios.Count <= MostLines)
        {
            TextTable.Write(writer, scenarios
                .Select(s => (string[])[s.Item.Id, .. engines.Select(e => Cell([.. s.Records.Where(r => r.Engine == e)]))])
                .Prepend(["", .. engines]));
            writer.WriteLine("(same: as on the bare machine; differs: not so; -: not applicable; then traps+exits that reached the monitor)");
            writer.WriteLine();
        }

        TextTable.Write(writer, engines
            .Select(e => Totals(e, [.. scenarios.SelectMany(s => s.Records).Where(r => r.Engine == e)]))
            .Prepend(["engine", "runs", "not applicable", "same", "differs", "traps", "exits"]));
        writer.WriteLine();
    }

    private static bool IsRun(RunRecord record) => record.Engine is not null;

    private static string Cell(IReadOnlyList<RunRecord> runs)
    {
        var ran = runs.Where(r => r.Outcome != Outcome.NotApplicable).ToList();
        if (ran.Count == 0)
        {
            return runs.Count == 0 ? "" : "-";
        }

        var events = Traps(ran) + Exits(ran) == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" {Traps(ran)}+{Exits(ran)}");
        return Word(ran) + events;
    }

    // The worst of several runs.
    private static string Word(List<RunRecord> ran)
    {
        if (ran.Find(r => r.Outcome != Outcome.Passed) is { } bad)
        {
            return ResultNames.Of(bad.Outcome);
        }

        return ran.Exists(r => Holds(r) == false) ? "differs" : ran.TrueForAll(r => Holds(r) == true) ? "same" : "ran";
    }

    private static string[] Totals(string engine, List<RunRecord> runs)
    {
        var ran = runs.Where(r => r.Outcome != Outcome.NotApplicable).ToList();
        Int128[] numbers = [ran.Count, runs.Count - ran.Count, ran.Count(r => Holds(r) == true), ran.Count(r => Holds(r) == false), Traps(ran), Exits(ran)];
        return [engine, .. numbers.Select(n => n.ToString(CultureInfo.InvariantCulture))];
    }

    private static bool? Holds(RunRecord run) => run.Properties?.Equivalence?.Holds;

    private static Int128 Traps(IReadOnlyList<RunRecord> runs) => Sum(runs, "trap");

    private static Int128 Exits(IReadOnlyList<RunRecord> runs) => Sum(runs, "exit");

    // Events of level 0 are those that the guest itself handles.
    private static Int128 Sum(IReadOnlyList<RunRecord> runs, string kind) =>
        runs.SelectMany(r => r.Events).Where(e => e.Kind == kind && e.Level > 0).Aggregate((Int128)0, (sum, e) => sum + e.Count);
}
