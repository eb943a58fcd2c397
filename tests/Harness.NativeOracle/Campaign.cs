using System.Globalization;
using System.Text;

namespace Harness.NativeOracle;

/// <summary>Cases of one form and how many faulted.</summary>
/// <param name="Form">The form.</param>
/// <param name="Cases">All cases.</param>
/// <param name="Faulting">Those that raised an exception.</param>
public readonly record struct FormCount(string Form, int Cases, int Faulting);

/// <summary>What a campaign found.</summary>
/// <param name="Oracle">Who judged.</param>
/// <param name="Judged">Who was judged.</param>
/// <param name="Forms">A row for each form, in the order of <see cref="CaseGenerator.FormNames"/>.</param>
/// <param name="Vectors">Cases for each vector, by the oracle.</param>
/// <param name="MismatchCount">How many cases differ.</param>
/// <param name="Mismatches">The first of them, with all that is needed to repeat each.</param>
public sealed record CampaignSummary(
    string Oracle,
    string Judged,
    IReadOnlyList<FormCount> Forms,
    IReadOnlyList<int> Vectors,
    int MismatchCount,
    IReadOnlyList<string> Mismatches)
{
    /// <summary>All cases.</summary>
    public int Cases => Forms.Sum(f => f.Cases);

    /// <summary>Cases that raised an exception on the oracle.</summary>
    public int Faulting => Forms.Sum(f => f.Faulting);

    /// <summary>The summary as text, mismatches first.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (string mismatch in Mismatches)
        {
            text.Append(mismatch).Append('\n');
        }

        if (MismatchCount > Mismatches.Count)
        {
            text.Append(CultureInfo.InvariantCulture, $"... and {MismatchCount - Mismatches.Count} more\n");
        }

        int least = Forms.Count == 0 ? 0 : Forms.Min(f => f.Cases);
        double share = Cases == 0 ? 0 : 100.0 * Faulting / Cases;
        text.Append(CultureInfo.InvariantCulture, $"{Judged}\njudged by {Oracle}\n{Cases} cases of {Forms.Count} forms, at least {least} each; {share:F1} % fault:");
        for (int vector = 0; vector < Vectors.Count; vector++)
        {
            if (Vectors[vector] > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $" {CaseText.VectorName(vector)} {Vectors[vector]}");
            }
        }

        text.Append(CultureInfo.InvariantCulture, $"\n{MismatchCount} mismatches\n");
        return text.ToString();
    }
}

/// <summary>Gives the same cases to an oracle and to another runner and compares.</summary>
public static class Campaign
{
    private const int KeptMismatches = 25;

    /// <summary>Runs generated cases.</summary>
    /// <param name="oracle">The judge.</param>
    /// <param name="judged">What it judges.</param>
    /// <param name="cases">How many.</param>
    /// <param name="seed">Their seed.</param>
    public static CampaignSummary Run(ICaseRunner oracle, ICaseRunner judged, int cases, ulong seed)
    {
        var generator = new CaseGenerator(seed);
        return Compare(oracle.Name, judged, Enumerable.Range(0, cases).Select(generator.Make).Select(test => (test, oracle.Run(test))));
    }

    /// <summary>Compares with recorded answers.</summary>
    /// <param name="recorded">The answers.</param>
    /// <param name="judged">What they judge.</param>
    public static CampaignSummary Run(RecordedAnswers recorded, ICaseRunner judged) => Compare(recorded.Processor, judged, recorded.Answers);

    private static CampaignSummary Compare(string oracle, ICaseRunner judged, IEnumerable<(Case Test, CaseResult Expected)> answers)
    {
        var counts = CaseGenerator.FormNames.ToDictionary(name => name, _ => (Cases: 0, Faulting: 0), StringComparer.Ordinal);
        int[] vectors = new int[32];
        var mismatches = new List<string>();
        int mismatchCount = 0;
        foreach ((Case test, CaseResult expected) in answers)
        {
            CaseResult actual = judged.Run(test);
            (int cases, int faulting) = counts.GetValueOrDefault(test.Form);
            counts[test.Form] = (cases + 1, faulting + (expected.Fault is null ? 0 : 1));
            if (expected.Fault is Fault fault)
            {
                vectors[fault.Vector]++;
            }

            if (Comparison.Difference(test, expected, actual) is string difference)
            {
                mismatchCount++;
                if (mismatches.Count < KeptMismatches)
                {
                    mismatches.Add($"{difference}\n{CaseText.Describe(test)}{CaseText.Describe("expected", expected)}{CaseText.Describe("found", actual)}");
                }
            }
        }

        FormCount[] forms = [.. CaseGenerator.FormNames.Select(name => new FormCount(name, counts[name].Cases, counts[name].Faulting))];
        return new CampaignSummary(oracle, judged.Name, forms, vectors, mismatchCount, mismatches);
    }
}
