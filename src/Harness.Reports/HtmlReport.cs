using System.Globalization;
using System.Net;
using System.Text;
using Harness.Records;

namespace Harness.Reports;

internal static class HtmlReport
{
    private const string TitlePlace = "{title}";

    private const string Page = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>{title}</title>
        <style>
        :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
        body { margin: 2em; }
        section { margin-top: 2.5em; overflow-x: auto; }
        table { border-collapse: collapse; margin: 1em 0; }
        th, td { border: 1px solid #8888; padding: .2em .5em; text-align: right; vertical-align: top; }
        th:first-child, td:first-child, .left td { text-align: left; }
        .passed { color: #1a7f37; } .failed, .error { color: #cf222e; } .skipped { color: #888; }
        svg text { fill: currentColor; font-size: 12px; }
        pre { white-space: pre-wrap; }
        </style>
        </head>
        <body>
        <h1>{title}</h1>

        """;

    public static string Render(IReadOnlyList<RunRecord> records, IReadOnlyList<MatrixRecord> matrix, IReadOnlyList<ClassificationRecord> classifications)
    {
        var scenarios = ScenarioReport.Of(records);
        var html = new StringBuilder(Head("Traps against exits"));
        html.Append(CultureInfo.InvariantCulture, $"<p>{Words.Scenarios(scenarios.Count)}; runs and checks: {Words.Count(ReportCase.Of(records).Select(c => c.Held))}{Words.Snapshots(scenarios)}.</p>\n<ul>\n");
        for (var i = 0; i < scenarios.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<li><a href=\"#s{i}\">{Encode(scenarios[i].Scenario)}</a> {Encode(scenarios[i].Title)}</li>\n");
        }

        html.Append(matrix.Count > 0 ? "<li><a href=\"#matrix\">Virtualization matrix</a></li>\n" : "");
        for (var i = 0; i < classifications.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<li><a href=\"#c{i}\">{Encode(ClassificationReport.Title(classifications[i]))}</a></li>\n");
        }

        html.Append("</ul>\n");
        for (var i = 0; i < scenarios.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<section id=\"s{i}\">\n");
            Section(html, scenarios[i]);
            html.Append("</section>\n");
        }

        if (matrix.Count > 0)
        {
            html.Append("<section id=\"matrix\">\n<h2>Virtualization matrix</h2>\n");
            MatrixReport.Html(html, matrix, Table);
            html.Append("</section>\n");
        }

        for (var i = 0; i < classifications.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h1 id=\"c{i}\">{Encode(ClassificationReport.Title(classifications[i]))}</h1>\n");
            ClassificationReport.Html(html, classifications[i]);
        }

        return html.Append("</body>\n</html>\n").ToString();
    }

    /// <summary>Everything up to and with the page's title.</summary>
    internal static string Head(string title) => Page.Replace(TitlePlace, Encode(title), StringComparison.Ordinal);

    /// <summary>Text that cannot end an element or an attribute, nor hide what it says.</summary>
    internal static string Encode(string text) => WebUtility.HtmlEncode(Printable.Escape(text));

    private static void Section(StringBuilder html, ScenarioReport scenario)
    {
        html.Append(CultureInfo.InvariantCulture, $"<h2>{Encode(scenario.Scenario)}</h2>\n<p>{Encode(Words.Subject(scenario))}</p>\n<ul>\n");
        foreach (var c in ReportCase.Of(scenario))
        {
            var style = c.State switch { CaseState.Passed => "passed", CaseState.Failed => "failed", CaseState.Error => "error", _ => "skipped" };
            var message = c.Message.Count == 0 ? "" : $"<pre>{string.Join('\n', c.Message.Select(Encode))}</pre>";
            html.Append(CultureInfo.InvariantCulture, $"<li>{Encode(c.Name)}: <span class=\"{style}\">{c.Result}</span>{message}</li>\n");
        }

        html.Append("</ul>\n");
        foreach (var fact in scenario.Verdict?.Facts ?? [])
        {
            html.Append(CultureInfo.InvariantCulture, $"<h3>{Encode(fact.Name)}</h3>\n<pre>{string.Join('\n', fact.Lines.Select(Encode))}</pre>\n");
        }

        if (scenario.Columns.Count == 0)
        {
            return;
        }

        HtmlChart.Append(html, scenario);
        var names = scenario.Columns.Select(column => column.Name).ToList();
        if (scenario.Rows.Count > 0)
        {
            Table(html, ["event", .. names], scenario.Rows.Select(row => row.Cells.Select(cell => cell.Text).Prepend($"{row.Kind} {row.Cause}")));
            html.Append("<details><summary>By instruction</summary>\n");
            Table(html, ["instruction", .. names], scenario.Rows.SelectMany(row => row.Details.Select(detail =>
                detail.Cells.Select(cell => cell.Text).Prepend($"{row.Kind} {row.Cause}: {detail.Name}"))));
            html.Append("</details>\n");
        }

        var facts = scenario.Columns.Select(column => Words.Facts(column.Record)).ToList();
        html.Append("<details open=\"\"><summary>Runs</summary>\n");
        Table(html, ["", .. names], Enumerable.Range(0, facts[0].Count)
            .Where(i => facts.Exists(run => run[i].Value.Length > 0))
            .Select(i => facts.Select(run => run[i].Value).Prepend(facts[0][i].Name)));
        html.Append("</details>\n");
        foreach (var column in scenario.Columns)
        {
            Output(html, column);
        }
    }

    private static void Output(StringBuilder html, ReportColumn column)
    {
        if (column.Record.Console.Length > 0)
        {
            html.Append(CultureInfo.InvariantCulture, $"<details><summary>Console of {Encode(column.Name)}</summary><pre>");
            html.AppendJoin('\n', Printable.Lines(column.Record.Console).Select(WebUtility.HtmlEncode)).Append("</pre></details>\n");
        }

        if (column.Record.Timeline is { Count: > 0 } timeline)
        {
            html.Append(CultureInfo.InvariantCulture, $"<details class=\"left\"><summary>Timeline of {Encode(column.Name)}</summary>\n");
            Table(html, ["tick", "at", "instruction", "event", "what the monitor did", "cycles"], timeline.Select(IEnumerable<string> (step) =>
            [
                step.Tick.ToString(CultureInfo.InvariantCulture), step.At, step.Instruction ?? "", $"{step.Kind} {step.Cause}", step.Action,
                step.Cycles.ToString(CultureInfo.InvariantCulture),
            ]));
            html.Append("</details>\n");
        }
    }

    internal static void Table(StringBuilder html, IEnumerable<string> headers, IEnumerable<IEnumerable<string>> rows)
    {
        html.Append("<table>\n<tr>").AppendJoin("", headers.Select(header => $"<th>{Encode(header)}</th>")).Append("</tr>\n");
        foreach (var row in rows)
        {
            html.Append("<tr>").AppendJoin("", row.Select(cell => $"<td>{Encode(cell)}</td>")).Append("</tr>\n");
        }

        html.Append("</table>\n");
    }
}
