using System.Globalization;

namespace Harness.Records;

/// <summary>A matrix in words, the same in snapshots and reports.</summary>
public static class MatrixText
{
    /// <summary><c>direct</c>, <c>direct, wrong: eflags.IF 1 (bare 0)</c>, <c>trap #GP</c>, <c>exit CPUID 3×</c>, <c>emulated</c>, <c>not applicable: ...</c></summary>
    public static string Of(MatrixCellRecord cell)
    {
        string text = cell.Outcome switch
        {
            "event" => string.Join(", ", cell.Events.Select(Of)),
            "not applicable" => $"{cell.Outcome}: {cell.Reason}",
            _ => cell.Outcome,
        };
        return cell.Wrong is { } wrong ? $"{text}, wrong: {wrong.Value} {wrong.Found} (bare {wrong.Bare})" : text;
    }

    /// <summary>The class under the most permissive configuration, and after a slash that under the most trapping one if it is another.</summary>
    public static string ClassOf(MatrixRecord row)
    {
        var names = row.Classes.Take(2).Select(c => c.Class).Distinct();
        return string.Join('/', names);
    }

    /// <summary>Lines of columns: a head, then a line for each row.</summary>
    public static IReadOnlyList<string> Lines(IReadOnlyList<MatrixRecord> rows)
    {
        List<string[]> table =
        [
            ["form", "class", .. rows.Count == 0 ? [] : rows[0].Cells.Select(c => c.Engine)],
            .. rows.Select(row => (string[])[row.Form, ClassOf(row), .. row.Cells.Select(Of)]),
        ];
        var widths = Enumerable.Range(0, table[0].Length).Select(i => table.Max(row => row[i].Length)).ToList();
        return [.. table.Select(row => string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd())];
    }

    private static string Of(MatrixEvent e)
    {
        string name = $"{e.Kind} {e.Cause}";
        return e.Count == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name} {e.Count}x");
    }
}
