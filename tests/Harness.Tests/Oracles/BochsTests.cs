using FluentAssertions;
using Harness.Oracles;
using Harness.Oracles.Bochs;
using NUnit.Framework;

namespace Harness.Tests.Oracles;

/// <summary>The machine against what Bochs answered; recorded by <c>dotnet run --project tests/Harness.Oracles -- bochs record</c>.</summary>
public sealed class BochsTests
{
    private static readonly OracleBatch[] Batches = [.. BochsBatches.All()];
    private static readonly IGuestRunner Machine = new ComputerRunner();

    public static IEnumerable<string> BatchNames => Batches.Select(batch => batch.Name);

    [TestCaseSource(nameof(BatchNames))]
    public void Machine_answers_as_recorded(string name)
    {
        OracleBatch batch = Batches.Single(one => one.Name == name);
        BatchResult result = Comparison.Compare(batch, Machine.Run(batch.Rom));
        result.IsGood.Should().BeTrue(
            "{0} of {1} cases differ; error: {2}; deviations that no longer deviate: {3}; first differences:\n{4}",
            result.Differences.Count, batch.Cases.Count, result.Error ?? "none", string.Join(' ', result.Stale), string.Join('\n', result.Differences.Take(5)));
    }

    [Test]
    public void Every_possible_cell_of_mode_vector_and_gate_is_covered()
    {
        var coverage = new Coverage();
        foreach (OracleBatch batch in Batches)
        {
            coverage.Add(batch, Fixtures.Read(batch));
        }

        TestContext.Out.Write(coverage.Table());
        coverage.Shortfalls().Should().BeEmpty();
        coverage.Total.Should().BeGreaterThanOrEqualTo(3000);
    }

    [Test]
    public void Fixtures_belong_to_batches() =>
        Directory.EnumerateFiles(Fixtures.Folder()).Select(Path.GetFileNameWithoutExtension).Should().BeEquivalentTo([.. BatchNames, "deviations"]);

    [Test]
    public void Deviations_are_few_and_name_cases()
    {
        IReadOnlyList<Deviation> deviations = Deviations.Read();
        deviations.Should().OnlyHaveUniqueItems();
        (deviations.Count * 1000).Should().BeLessThanOrEqualTo(Batches.Sum(batch => batch.Cases.Count) * Deviations.PerMille);
        deviations.Where(one => !Batches.Any(batch => batch.Name == one.Batch && batch.Cases.Any(c => c.Name == one.Case))).Should().BeEmpty();
    }

    [Test]
    public void Case_names_are_unique_within_a_batch()
    {
        foreach (OracleBatch batch in Batches)
        {
            batch.Cases.Select(one => one.Name).Should().OnlyHaveUniqueItems(batch.Name);
        }
    }
}
