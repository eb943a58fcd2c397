namespace Harness.Cli.Output;

/// <summary>Columns of plain text.</summary>
internal static class TextTable
{
    /// <summary>Writes the rows, every column but the last as wide as its widest text, two blanks between columns.</summary>
    public static void Write(TextWriter writer, IEnumerable<string[]> rows)
    {
        var all = rows.ToList();
        foreach (var row in all)
        {
            var cells = row.Select((cell, i) => i == row.Length - 1 ? cell : cell.PadRight(all.Max(r => r[i].Length)));
            writer.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }
}
