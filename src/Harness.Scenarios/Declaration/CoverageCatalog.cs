using System.Reflection;

namespace Harness.Scenarios;

/// <summary>Something the harness has to show, which scenarios claim by its id.</summary>
/// <param name="Id">A letter and a number, as <c>B5</c>.</param>
/// <param name="Title">A few words.</param>
public sealed record CoverageItem(string Id, string Title);

/// <summary>The coverage ids, from the data file <c>Coverage.txt</c>: a line each, the id, a blank, the title.</summary>
public static class CoverageCatalog
{
    private static readonly Lazy<CoverageItem[]> Items = new(Read);

    /// <summary>Every item, in the order of the file.</summary>
    public static IReadOnlyList<CoverageItem> All => Items.Value;

    /// <summary>The item with this exact id, or null.</summary>
    public static CoverageItem? Find(string id) => Array.Find(Items.Value, item => item.Id == id);

    private static CoverageItem[] Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Coverage.txt")!;
        using var reader = new StreamReader(stream);
        var items = new List<CoverageItem>();
        while (reader.ReadLine() is { } line)
        {
            var blank = line.IndexOf(' ', StringComparison.Ordinal);
            items.Add(new CoverageItem(line[..blank], line[(blank + 1)..]));
        }

        return items.ToArray();
    }
}
