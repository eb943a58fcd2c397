using System.Globalization;
using System.Text;
using Harness.Records;
using Spectre.Console;

namespace Harness.Reports;

/// <summary>The forms of a report on a classification.</summary>
internal static class ClassificationReport
{
    public static string Console(IReadOnlyList<ReportSection> sections, ConsoleStyle style) => ConsoleReport.Render(style, console =>
    {
        foreach (ReportSection section in sections)
        {
            console.Write(ConsoleReport.Cell($"{section.Title}\n"));
            if (section.Text.Length > 0)
            {
                console.Write(ConsoleReport.Cell($"{section.Text}\n"));
            }

            if (section.Headers.Count > 0)
            {
                var table = ConsoleReport.NewTable(style, [.. section.Headers]);
                foreach (IReadOnlyList<string> row in section.Rows)
                {
                    table.AddRow([.. row.Select(ConsoleReport.Cell)]);
                }

                console.Write(table);
            }

            foreach ((string caption, FormSets sets) in section.Diagrams)
            {
                console.Write(ConsoleReport.Cell($"{caption}\n"));
                foreach (string line in sets.Lines())
                {
                    console.Write(ConsoleReport.Cell($"{line}\n"));
                }
            }

            console.Write(ConsoleReport.Cell("\n"));
        }
    });

    public static string Markdown(ClassificationRecord record)
    {
        var text = new StringBuilder($"# {MarkdownReport.Escape(Title(record))}\n\n{MarkdownReport.Escape(record.Description)}\n");
        foreach (ReportSection section in ClassificationSections.Of(record, offenders: true))
        {
            text.Append('\n').Append('#', section.Level).Append(CultureInfo.InvariantCulture, $" {MarkdownReport.Escape(section.Title)}\n");
            if (section.Text.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{MarkdownReport.Escape(section.Text)}\n");
            }

            if (section.Headers.Count > 0)
            {
                MarkdownReport.Table(text, section.Headers, section.Rows);
            }

            foreach ((string caption, FormSets sets) in section.Diagrams)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{MarkdownReport.Escape(caption)}:\n\n```text\n").AppendJoin('\n', sets.Lines()).Append("\n```\n");
            }
        }

        return text.ToString();
    }

    public static string Html(ClassificationRecord record)
    {
        var html = new StringBuilder(HtmlReport.Head(Title(record)));
        Html(html, record);
        return html.Append("</body>\n</html>\n").ToString();
    }

    /// <summary>What comes below the title.</summary>
    public static void Html(StringBuilder html, ClassificationRecord record)
    {
        html.Append(CultureInfo.InvariantCulture, $"<p>{HtmlReport.Encode(record.Description)}</p>\n");
        foreach (ReportSection section in ClassificationSections.Of(record, offenders: true))
        {
            html.Append(CultureInfo.InvariantCulture, $"<section class=\"left\">\n<h{section.Level}>{HtmlReport.Encode(section.Title)}</h{section.Level}>\n");
            if (section.Text.Length > 0)
            {
                html.Append(CultureInfo.InvariantCulture, $"<p>{HtmlReport.Encode(section.Text)}</p>\n");
            }

            if (section.Headers.Count > 0)
            {
                HtmlReport.Table(html, section.Headers, section.Rows);
            }

            foreach ((string caption, FormSets sets) in section.Diagrams)
            {
                html.Append(sets.Svg(caption));
            }

            html.Append("</section>\n");
        }
    }

    /// <summary>What a reader sees first.</summary>
    public static string Title(ClassificationRecord record) => $"Instruction forms of {record.Model} by experiment";
}
