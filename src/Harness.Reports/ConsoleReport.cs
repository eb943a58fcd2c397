using System.Globalization;
using Harness.Records;
using Spectre.Console;

namespace Harness.Reports;

internal static class ConsoleReport
{
    private static readonly Style _good = new(Color.Green);
    private static readonly Style _bad = new(Color.Red);
    private static readonly Style _dim = new(Color.Grey);

    public static string Summary(IReadOnlyList<RunRecord> records, ConsoleStyle style) => Render(style, console =>
    {
        var scenarios = ScenarioReport.Of(records);
        var table = NewTable(style, "Scenario", "Result", "Runs", "Checks", "Snapshot", "Events");
        foreach (var scenario in scenarios)
        {
            var cases = ReportCase.Of(scenario).ToList();
            var state = State(cases);
            var checks = scenario.Verdict?.Checks;
            table.AddRow(
                Cell(scenario.Scenario),
                Cell(Words.Of(state), StyleOf(state)),
                Cell(Words.Count(cases.Where(c => c.Record.Engine is not null).Select(c => c.Held))),
                Cell(checks is null ? "" : CheckWords(checks)),
                Cell(Words.Of(scenario.Verdict?.Snapshot ?? SnapshotVerdict.None), scenario.Verdict?.Snapshot is SnapshotVerdict.Equal ? _good : _bad),
                Cell(scenario.Columns.SelectMany(c => c.Record.Events).Aggregate((Int128)0, (sum, e) => sum + e.Count).ToString(CultureInfo.InvariantCulture)));
        }

        console.Write(table);
        foreach (var scenario in scenarios)
        {
            foreach (var failed in ReportCase.Of(scenario).Where(c => c.State is CaseState.Failed or CaseState.Error))
            {
                WriteFailure(console, failed);
            }
        }

        var verdicts = scenarios.Select(scenario => State([.. ReportCase.Of(scenario)]));
        console.Write(Cell(string.Create(CultureInfo.InvariantCulture, $"{Words.Scenarios(scenarios.Count)}: {Words.Count(verdicts)}{Words.Snapshots(scenarios)}\n")));
    });

    public static string Events(IReadOnlyList<RunRecord> records, ConsoleStyle style) => Render(style, console =>
    {
        foreach (var scenario in ScenarioReport.Of(records).Where(scenario => scenario.Rows.Count > 0 || scenario.Verdict?.Facts.Count > 0))
        {
            console.Write(Cell($"{scenario.Scenario}  {scenario.Title}\n"));
            foreach (var fact in scenario.Verdict?.Facts ?? [])
            {
                foreach (var line in fact.Lines.Select(line => $"  {line}").Prepend($"{fact.Name}:"))
                {
                    console.Write(Cell($"{line}\n"));
                }
            }

            if (scenario.Rows.Count == 0)
            {
                continue;
            }

            var table = NewTable(style, ["Event", .. scenario.Columns.Select(column => column.Name)]);
            foreach (var row in scenario.Rows)
            {
                table.AddRow([Cell($"{row.Kind} {row.Cause}"), .. row.Cells.Select(cell => Cell(cell.Text))]);
                foreach (var detail in row.Details)
                {
                    table.AddRow([Cell("  " + detail.Name, _dim), .. detail.Cells.Select(cell => Cell(cell.Text, _dim))]);
                }
            }

            console.Write(table);
        }
    });

    internal static string Render(ConsoleStyle style, Action<IAnsiConsole> write)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new()
        {
            Ansi = style.Colour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = style.Colour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
            // The default enrichers look at the environment of build servers.
            Enrichment = new() { UseDefaultEnrichers = false },
        });
        console.Profile.Width = style.Width;
        write(console);
        var lines = writer.ToString().Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n').Select(line => line.TrimEnd(' '));
        return string.Join('\n', lines);
    }

    internal static Table NewTable(ConsoleStyle style, params string[] headers)
    {
        var table = new Table { Border = style.Colour ? TableBorder.Rounded : TableBorder.Ascii };
        foreach (var header in headers)
        {
            table.AddColumn(new TableColumn(Cell(header)));
        }

        return table;
    }

    internal static Text Cell(string text) => Cell(text, Style.Plain);

    // The line end that ends a paragraph is ours; all others are escaped.
    private static Text Cell(string text, Style style) =>
        new(text.EndsWith('\n') ? Printable.Escape(text[..^1]) + "\n" : Printable.Escape(text), style);

    private static Style StyleOf(CaseState state) => state switch
    {
        CaseState.Passed => _good,
        CaseState.Skipped => _dim,
        _ => _bad,
    };

    // The worst case decides; a scenario none of whose runs applies has nothing that passed.
    private static CaseState State(IReadOnlyList<ReportCase> cases)
    {
        CaseState[] worstFirst = [CaseState.Error, CaseState.Failed, CaseState.Passed];
        return worstFirst.Where(state => cases.Any(c => c.Held == state)).DefaultIfEmpty(CaseState.Skipped).First();
    }

    private static string CheckWords(CheckCount checks) => string.Create(
        CultureInfo.InvariantCulture, $"{checks.Passed} passed, {checks.Failed} failed{(checks.Skipped > 0 ? $", {checks.Skipped} skipped" : "")}");

    private static void WriteFailure(IAnsiConsole console, ReportCase failed)
    {
        var record = failed.Record;
        var line = record.Line == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"({record.Line})");
        var place = record.File.Length == 0 ? "" : $"{record.File}{line}: ";
        console.Write(Cell($"{place}{record.Scenario}: {failed.Name}: {(failed.IsReviewed ? Words.Of(record.Outcome) : failed.Result)}\n", _bad));
        foreach (var message in failed.Message)
        {
            console.Write(Cell($"    {message}\n"));
        }
    }
}
