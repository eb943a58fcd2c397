using System.Globalization;
using System.Text.Json.Serialization;
using Harness.Records;

namespace Harness.Reports;

/// <summary>Traps against exits for one scenario: a row for each cause, a column for each run, and under each cause its instructions.</summary>
internal sealed record ScenarioReport(
    string Scenario, string Title, IReadOnlyList<string> Covers, RunRecord? Verdict, IReadOnlyList<ReportColumn> Columns, IReadOnlyList<CauseRow> Rows)
{
    /// <summary>The scenarios in order of their first record.</summary>
    public static IReadOnlyList<ScenarioReport> Of(IReadOnlyList<RunRecord> records) =>
        [.. records.GroupBy(record => record.Scenario, StringComparer.Ordinal).Select(group => Of(group.Key, [.. group]))];

    private static ScenarioReport Of(string scenario, List<RunRecord> records)
    {
        var columns = ReportColumn.Of([.. records.Where(record => record.Engine is not null)]);
        var rows = columns
            .SelectMany(column => column.Record.Events)
            .Select(e => (e.Kind, e.Cause))
            .Distinct()
            .OrderBy(key => key.Kind, StringComparer.Ordinal)
            .ThenBy(key => key.Cause, StringComparer.Ordinal)
            .Select(key => CauseRow.Of(key.Kind, key.Cause, columns))
            .ToList();
        return new(
            scenario,
            records.Select(record => record.Title).FirstOrDefault(title => title.Length > 0) ?? "",
            [.. records.SelectMany(record => record.Covers).Distinct(StringComparer.Ordinal)],
            records.LastOrDefault(record => record.Engine is null),
            columns,
            rows);
    }
}

/// <summary>One run; its name says what tells it from the scenario's others.</summary>
internal sealed record ReportColumn(string Name, RunRecord Record, Int128 EventCycles)
{
    /// <summary>The columns of one scenario's runs, their names unique.</summary>
    public static IReadOnlyList<ReportColumn> Of(IReadOnlyList<RunRecord> runs)
    {
        var severalRuns = Several(runs, run => run.Run.ToString(CultureInfo.InvariantCulture));
        var severalCpus = Several(runs, run => run.Cpu);
        var severalCosts = Several(runs, run => run.Cost);
        var severalSeeds = Several(runs, run => run.Seed.ToString(CultureInfo.InvariantCulture));
        var columns = new List<ReportColumn>();
        foreach (var run in runs)
        {
            var name = run.Engine
                + (run.Machine is { } machine ? $" {machine.Name}" : "")
                + (severalCpus ? $" on {run.Cpu}" : "")
                + (severalCosts ? $" at {run.Cost}" : "")
                + (severalSeeds ? string.Create(CultureInfo.InvariantCulture, $" seed {run.Seed}") : "")
                + (severalRuns ? string.Create(CultureInfo.InvariantCulture, $" run {run.Run}") : "");
            var unique = name;
            for (var copy = 2; columns.Exists(column => column.Name == unique); copy++)
            {
                unique = string.Create(CultureInfo.InvariantCulture, $"{name} ({copy})");
            }

            columns.Add(new(unique, run, run.Events.Aggregate((Int128)0, (sum, e) => sum + e.Cycles)));
        }

        return columns;
    }

    // Runs that did not happen have no cost profile; that makes no difference worth a name.
    private static bool Several(IReadOnlyList<RunRecord> runs, Func<RunRecord, string?> value) =>
        runs.Where(run => run.Outcome != Outcome.NotApplicable).Select(value).Distinct(StringComparer.Ordinal).Skip(1).Any();
}

/// <summary>One cause in all columns, and its parts.</summary>
internal sealed record CauseRow(string Kind, string Cause, IReadOnlyList<EventCell> Cells, IReadOnlyList<DetailRow> Details)
{
    public static CauseRow Of(string kind, string cause, IReadOnlyList<ReportColumn> columns)
    {
        var details = columns
            .SelectMany(column => column.Record.Events)
            .Where(e => e.Kind == kind && e.Cause == cause)
            .Select(Key)
            .Distinct()
            .OrderBy(key => key.Level)
            .ThenBy(key => key.Instruction, StringComparer.Ordinal)
            .ThenBy(key => key.Detail, StringComparer.Ordinal)
            .ThenBy(key => key.Reason, StringComparer.Ordinal)
            .ThenBy(key => key.Cpl)
            .Select(key => new DetailRow(
                key.Instruction, key.Detail, key.Reason, key.Cpl, key.Level,
                [.. columns.Select(column => EventCell.Of(column, e => e.Kind == kind && e.Cause == cause && Key(e) == key))]))
            .ToList();
        return new(kind, cause, [.. columns.Select(column => EventCell.Of(column, e => e.Kind == kind && e.Cause == cause))], details);
    }

    private static (string? Instruction, string? Detail, string? Reason, int Cpl, int Level) Key(EventTotal e) =>
        (e.Instruction, e.Detail, e.Reason, e.Cpl, e.Level);
}

/// <summary>A part of a cause: one instruction about one port, MSR or address, for one reason, at one privilege and nesting level.</summary>
internal sealed record DetailRow(string? Instruction, string? Detail, string? Reason, int Cpl, int Level, IReadOnlyList<EventCell> Cells)
{
    /// <summary>The parts in words.</summary>
    [JsonIgnore]
    public string Name
    {
        get
        {
            var level = Level == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", level {Level}");
            return string.Create(CultureInfo.InvariantCulture, $"{Instruction ?? "no instruction"}{Part(Detail)}{Part(Reason)}, CPL {Cpl}{level}");
        }
    }

    private static string Part(string? text) => text is null ? "" : ", " + text;
}

/// <summary>How often, at what cost in cycles, and which share of the cycles of all events of the run (0 to 1 in thousandths; null without cost).</summary>
internal sealed record EventCell(Int128 Count, Int128 Cycles, decimal? Share)
{
    public static EventCell Of(ReportColumn column, Func<EventTotal, bool> belongs)
    {
        var events = column.Record.Events.Where(belongs).ToList();
        var cycles = events.Aggregate((Int128)0, (sum, e) => sum + e.Cycles);
        decimal? share = column.EventCycles == 0 ? null : (decimal)(((cycles * 1000) + (column.EventCycles / 2)) / column.EventCycles) / 1000m;
        return new(events.Aggregate((Int128)0, (sum, e) => sum + e.Count), cycles, share);
    }

    /// <summary>The share as 12.5%; empty when there is none.</summary>
    [JsonIgnore]
    public string ShareText => Share is { } share ? (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%" : "";

    /// <summary>Count, cycles and share in words; empty when nothing happened.</summary>
    [JsonIgnore]
    public string Text => Count == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{Count} × / {Cycles} cycles{(Share is null ? "" : $" / {ShareText}")}");
}
