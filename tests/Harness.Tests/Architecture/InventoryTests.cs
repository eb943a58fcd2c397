using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Architecture;

/// <summary>src/README.md lists what there is. HARNESS_UPDATE=1 writes the list anew instead of comparing it.</summary>
public sealed class InventoryTests
{
    private const string Begin = "<!-- inventory: written by HARNESS_UPDATE=1 dotnet test tests/Harness.Tests --filter Inventory -->\n";
    private const string End = "<!-- end of inventory -->\n";

    [Test]
    public void The_inventory_is_current()
    {
        string path = Path.Combine(Sources.Root, "src", "README.md");
        string document = File.ReadAllText(path);
        int begin = document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = document.IndexOf(End, StringComparison.Ordinal);
        begin.Should().BeInRange(Begin.Length, end, "{0} holds the markers of the inventory", path);
        string current = "\n" + Inventory.Text();
        if (Environment.GetEnvironmentVariable("HARNESS_UPDATE") == "1")
        {
            File.WriteAllText(path, document[..begin] + current + document[end..]);
            return;
        }

        const string Remedy = "`HARNESS_UPDATE=1 dotnet test tests/Harness.Tests --filter Inventory` writes it anew";
        string[] expected = current.Split('\n');
        string[] found = document[begin..end].Split('\n');
        expected.Except(found).Should().BeEmpty("{0} lists everything; {1}", path, Remedy);
        found.Except(expected).Should().BeEmpty("{0} lists nothing else; {1}", path, Remedy);
        found.Should().Equal(expected, Remedy);
    }
}
