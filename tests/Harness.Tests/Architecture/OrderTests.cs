using FluentAssertions;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;

namespace Harness.Tests.Architecture;

/// <summary>Nothing may depend on the order of a hash table or of a directory, which differs between computers and between runs.</summary>
public sealed class OrderTests
{
    [TestCase("foreach (var pair in map) { }", 1)]
    [TestCase("foreach (int key in map.Keys) { }", 1)]
    [TestCase("foreach (int item in set) { }", 1)]
    [TestCase("foreach (int item in set.Order()) { }", 0)]
    [TestCase("foreach (var pair in map.Where(p => p.Key > 0).OrderBy(p => p.Key)) { }", 0)]
    [TestCase("foreach (int item in set.Where(i => i > 0)) { }", 1)]
    [TestCase("int[] items = [.. set];", 1)]
    [TestCase("int[] items = [.. set.Order()];", 0)]
    [TestCase("string text = string.Join(',', set);", 1)]
    [TestCase("var first = map.First();", 1)]
    [TestCase("bool any = set.Any(i => i > 3) && map.All(p => p.Key > 1);", 0)]
    [TestCase("int sum = map.Values.Sum() + set.Select(i => i * 2).Max();", 0)]
    [TestCase("var copy = new HashSet<int>(set); copy.UnionWith(set);", 0)]
    [TestCase("IEnumerable<int> later = set;", 1)]
    [TestCase("IReadOnlyDictionary<int, int> same = map; foreach (var pair in same) { }", 1)]
    [TestCase("foreach (string file in Directory.GetFiles(\".\")) { }", 1)]
    [TestCase("foreach (string file in Directory.EnumerateFiles(\".\").Order(StringComparer.Ordinal)) { }", 0)]
    [TestCase("foreach (var pair in new SortedDictionary<int, int>(map)) { }", 0)]
    public void What_is_found(string statements, int count)
    {
        string text = $"class Subject {{ void Run(Dictionary<int, int> map, HashSet<int> set) {{ {statements} }} }}";
        CSharpCompilation compilation = Sources.Compile("Subject", [Sources.Parse(text, "Subject.cs")]);
        UnorderedUses.Of(compilation).Should().HaveCount(count);
    }

    [Test]
    public void Nothing_enumerates_in_an_order_that_is_none()
    {
        Sources.Projects.SelectMany(project => UnorderedUses.Of(Sources.Compile(project))).Should().BeEmpty();
    }
}
