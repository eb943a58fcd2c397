using System.Globalization;
using System.Text;
using Harness.Records;

namespace Harness.Reports;

internal static class MarkdownReport
{
    public static string Render(IReadOnlyList<RunRecord> records, IReadOnlyList<MatrixRecord> matrix, IReadOnlyList<ClassificationRecord> classifications)
    {
        var scenarios = ScenarioReport.Of(records);
        var text = new StringBuilder("# Traps against exits\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{Words.Scenarios(scenarios.Count)}; runs and checks: {Words.Count(ReportCase.Of(records).Select(c => c.Held))}{Words.Snapshots(scenarios)}.\n");
        foreach (var scenario in scenarios)
        {
            Append(text, scenario);
        }

        if (matrix.Count > 0)
        {
            text.Append("\n# Virtualization matrix\n\n").Append(MatrixReport.Markdown(matrix, byFamily: false));
        }

        foreach (var classification in classifications)
        {
            text.Append('\n').Append(ClassificationReport.Markdown(classification));
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, ScenarioReport scenario)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n## {Escape(scenario.Scenario)}\n");
        if (Words.Subject(scenario) is { Length: > 0 } subject)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Escape(subject)}\n");
        }

        foreach (var bad in ReportCase.Of(scenario).Where(c => c.State is CaseState.Failed or CaseState.Error))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n- **{Escape(bad.Name)}: {bad.Result}** {string.Join("<br>", bad.Message.Select(Escape))}\n");
        }

        // No Markdown is read within <pre>.
        foreach (var fact in scenario.Verdict?.Facts ?? [])
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Escape(fact.Name)}:\n\n<pre>\n{string.Join('\n', fact.Lines.Select(HtmlReport.Encode))}\n</pre>\n");
        }

        if (scenario.Columns.Count == 0)
        {
            return;
        }

        Table(text, ["", .. scenario.Columns.Select(column => column.Name)], Facts(scenario));
        if (scenario.Rows.Count > 0)
        {
            Table(text, ["event", .. scenario.Columns.Select(column => column.Name)], scenario.Rows.Select(Row));
            text.Append("\n<details><summary>By instruction</summary>\n");
            Table(text, ["instruction", .. scenario.Columns.Select(column => column.Name)], scenario.Rows.SelectMany(Details));
            text.Append("\n</details>\n");
        }
    }

    private static IEnumerable<IEnumerable<string>> Facts(ScenarioReport scenario)
    {
        var facts = scenario.Columns.Select(column => Words.Facts(column.Record)).ToList();
        return Enumerable.Range(0, facts[0].Count)
            .Where(i => facts.Exists(run => run[i].Value.Length > 0))
            .Select(i => facts.Select(run => run[i].Value).Prepend(facts[0][i].Name));
    }

    private static IEnumerable<string> Row(CauseRow row) => row.Cells.Select(cell => cell.Text).Prepend($"{row.Kind} {row.Cause}");

    private static IEnumerable<IEnumerable<string>> Details(CauseRow row) =>
        row.Details.Select(detail => detail.Cells.Select(cell => cell.Text).Prepend($"{row.Kind} {row.Cause}: {detail.Name}"));

    internal static void Table(StringBuilder text, IReadOnlyList<string> headers, IEnumerable<IEnumerable<string>> rows)
    {
        text.Append('\n');
        Line(text, headers);
        text.Append("| --- |").Insert(text.Length, " ---: |", headers.Count - 1).Append('\n');
        foreach (var row in rows)
        {
            Line(text, row);
        }
    }

    internal static void Line(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells.Select(Escape)).Append(" |\n");

    /// <summary>Text that GitHub shows as it is, in a paragraph and in a cell of a table.</summary>
    internal static string Escape(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in Printable.Escape(text))
        {
            _ = c switch
            {
                '<' => result.Append("&lt;"),
                '>' => result.Append("&gt;"),
                '&' => result.Append("&amp;"),
                // A leading @ would mention somebody.
                '@' => result.Append("&#64;"),
                '\\' or '`' or '*' or '_' or '[' or ']' or '|' or '~' or '#' or '$' => result.Append('\\').Append(c),
                _ => result.Append(c),
            };
        }

        return result.ToString();
    }
}
