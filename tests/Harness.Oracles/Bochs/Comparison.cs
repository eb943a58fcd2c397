namespace Harness.Oracles.Bochs;

/// <summary>A case whose answer is not the recorded one.</summary>
public sealed record Difference(string Batch, string Case, string Recorded, string Found)
{
    public override string ToString() => $"{Batch} {Case}\n  recorded {Recorded}\n  found    {Found}";
}

/// <summary>
/// How a machine did on a batch. <paramref name="Stale"/> names accepted deviations that no longer deviate; <paramref name="Error"/> says where the
/// console text stopped being answers.
/// </summary>
public sealed record BatchResult(IReadOnlyList<Difference> Differences, IReadOnlyList<Difference> Accepted, IReadOnlyList<string> Stale, string? Error)
{
    public bool IsGood => Differences.Count == 0 && Stale.Count == 0 && Error is null;
}

/// <summary>Compares a machine's console text with the recorded answers.</summary>
public static class Comparison
{
    /// <summary>The cases that did not answer as recorded, apart from the accepted deviations.</summary>
    /// <exception cref="FormatException">The fixture is missing or from another image, or deviations.txt is malformed.</exception>
    public static BatchResult Compare(OracleBatch batch, string consoleText)
    {
        IReadOnlyList<string> recorded = Fixtures.Read(batch);
        IReadOnlyList<string> found = Fixtures.Answers(batch, consoleText, out string? error);
        HashSet<string> accepted = [.. Deviations.Read().Where(one => one.Batch == batch.Name).Select(one => one.Case)];
        Difference[] differences =
        [
            .. Enumerable.Range(0, found.Count).Where(i => found[i] != recorded[i]).Select(i => new Difference(batch.Name, batch.Cases[i].Name, recorded[i], found[i])),
        ];
        string[] stale = [.. batch.Cases.Take(found.Count).Where((one, i) => accepted.Contains(one.Name) && found[i] == recorded[i]).Select(one => one.Name)];
        return new BatchResult([.. differences.Where(one => !accepted.Contains(one.Case))], [.. differences.Where(one => accepted.Contains(one.Case))], stale, error);
    }
}

/// <summary>An accepted deviation from the oracle: the case, and the section of the manual by which the machine is right or free.</summary>
public sealed record Deviation(string Batch, string Case, string Reason);

/// <summary>The file deviations.txt beside the fixtures: lines of batch, case and reason; # starts a comment.</summary>
public static class Deviations
{
    /// <summary>At most this many cases in a thousand may deviate.</summary>
    public const int PerMille = 5;

    /// <exception cref="FormatException">A line is not batch, case and a reason that names a section of the SDM.</exception>
    public static IReadOnlyList<Deviation> Read()
    {
        string path = Path.Combine(Fixtures.Folder(), "deviations.txt");
        string[] lines = File.ReadAllLines(path);
        var deviations = new List<Deviation>();
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0 || lines[i][0] == '#')
            {
                continue;
            }

            string[] parts = lines[i].Split(' ', 3);
            if (parts.Length < 3 || !parts[2].Contains("SDM", StringComparison.Ordinal))
            {
                throw new FormatException($"{path}({i + 1}): expected \"BATCH CASE SDM volume and section: why\", found \"{lines[i]}\".");
            }

            deviations.Add(new Deviation(parts[0], parts[1], parts[2]));
        }

        return deviations;
    }
}
