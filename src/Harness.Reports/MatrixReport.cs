using System.Globalization;
using System.Text;
using Harness.Records;

namespace Harness.Reports;

/// <summary>The virtualization matrix as a document: a pure function of its records.</summary>
internal static class MatrixReport
{
    /// <summary>A table for each group, or with <paramref name="byFamily"/> one table with a line for each family.</summary>
    public static string Markdown(IReadOnlyList<MatrixRecord> rows, bool byFamily)
    {
        var text = new StringBuilder();
        foreach (var (title, table) in Tables(rows, byFamily))
        {
            if (title.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 0 ? "\n" : "")}## {MarkdownReport.Escape(title)}\n\n");
            }

            for (var i = 0; i < table.Count; i++)
            {
                MarkdownReport.Line(text, table[i]);
                if (i == 0)
                {
                    text.Append('|').Insert(text.Length, " --- |", table[0].Count).Append('\n');
                }
            }
        }

        return text.ToString();
    }

    /// <summary>The same tables as HTML, without head and end.</summary>
    public static void Html(StringBuilder html, IReadOnlyList<MatrixRecord> rows, Action<StringBuilder, IEnumerable<string>, IEnumerable<IEnumerable<string>>> table)
    {
        foreach (var (title, lines) in Tables(rows, byFamily: false))
        {
            html.Append(CultureInfo.InvariantCulture, $"<h3>{HtmlReport.Encode(title)}</h3>\n");
            table(html, lines[0], lines.Skip(1));
        }
    }

    /// <summary>The same tables as columns of text.</summary>
    public static string Console(IReadOnlyList<MatrixRecord> rows, bool byFamily)
    {
        var text = new StringBuilder();
        foreach (var (title, table) in Tables(rows, byFamily))
        {
            text.Append(title.Length == 0 ? "" : $"{(text.Length > 0 ? "\n" : "")}{title}\n");
            var widths = Enumerable.Range(0, table[0].Count).Select(i => table.Max(row => row[i].Length)).ToList();
            foreach (var row in table)
            {
                text.Append(Printable.Escape(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd())).Append('\n');
            }
        }

        return text.ToString();
    }

    private static IEnumerable<(string Title, IReadOnlyList<IReadOnlyList<string>> Table)> Tables(IReadOnlyList<MatrixRecord> rows, bool byFamily)
    {
        if (byFamily)
        {
            var families = rows.GroupBy(r => r.Family).Select(IReadOnlyList<string> (g) => [g.Key, .. Enumerable.Range(0, g.First().Cells.Count).Select(i => Summary(g, i))]);
            yield return ("", [["instruction", .. rows.Take(1).SelectMany(r => r.Cells.Select(c => c.Engine))], .. families]);
            yield break;
        }

        foreach (var group in rows.GroupBy(r => (r.Cpu, r.Mode, r.Side, r.Group)))
        {
            var lines = group.Select(IReadOnlyList<string> (r) => [r.Form, MatrixText.ClassOf(r), .. r.Cells.Select(MatrixText.Of)]);
            yield return (
                $"{group.Key.Group}, {group.Key.Side} in {group.Key.Mode} mode on {group.Key.Cpu}",
                [["form", "class", .. group.First().Cells.Select(c => c.Engine)], .. lines]);
        }
    }

    /// <summary>What became of the forms of a family, the most telling first, with the number of forms where they do not all agree.</summary>
    private static string Summary(IEnumerable<MatrixRecord> family, int column)
    {
        var kinds = family.Select(r => r.Cells[column]).GroupBy(c => (Text: Kind(c), IsWrong: c.Wrong is not null))
            .OrderByDescending(g => g.Key.IsWrong).ThenByDescending(g => g.Count()).ToList();
        return string.Join("; ", kinds.Select(g =>
        {
            var wrong = g.Key.IsWrong ? $", wrong: {string.Join(", ", g.Select(c => Place(c.Wrong!.Value)).Distinct().Order(StringComparer.Ordinal))}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{g.Key.Text}{wrong}{(kinds.Count == 1 ? "" : $" ({g.Count()})")}");
        }));
    }

    private static string Kind(MatrixCellRecord cell) => cell.Outcome == "event" ? string.Join(", ", cell.Events.Select(e => $"{e.Kind} {e.Cause}")) : cell.Outcome;

    /// <summary>Which register or which byte an operand names differs from form to form.</summary>
    private static string Place(string value) => value.StartsWith('[') ? "memory" : value.Contains('.') || value.StartsWith('#') ? value : "register";
}
