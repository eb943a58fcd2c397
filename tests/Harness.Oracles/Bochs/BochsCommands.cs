namespace Harness.Oracles.Bochs;

/// <summary>The commands of the console program; each returns an exit code (0: good, 1: not).</summary>
internal static class BochsCommands
{
    /// <summary>Asks Bochs and rewrites the fixtures of the suites whose name starts with <paramref name="suite"/>; for all of them, prints the coverage too.</summary>
    public static int Record(TextWriter output, string suite)
    {
        if (BochsRunner.Unavailable() is { } reason)
        {
            output.WriteLine($"cannot record: {reason}");
            return 1;
        }

        OracleBatch[] batches = [.. BochsBatches.All()];
        Directory.CreateDirectory(Fixtures.Folder());
        foreach (string old in Directory.EnumerateFiles(Fixtures.Folder(), suite + "*-??.txt"))
        {
            File.Delete(old);
        }

        foreach (OracleBatch batch in batches.Where(batch => batch.Name.StartsWith(suite, StringComparison.Ordinal)))
        {
            File.WriteAllText(Fixtures.PathOf(batch), Fixtures.Format(batch, BochsRunner.Run(batch.Rom)));
        }

        return suite.Length == 0 ? PrintTable(output, batches) : 0;
    }

    /// <summary>Asks Bochs again and compares with the fixtures byte for byte; without Bochs says why it is skipped.</summary>
    public static int Verify(TextWriter output)
    {
        if (BochsRunner.Unavailable() is { } reason)
        {
            output.WriteLine($"skipped: {reason}");
            return 0;
        }

        int different = 0;
        OracleBatch[] batches = [.. BochsBatches.All()];
        foreach (OracleBatch batch in batches)
        {
            string path = Fixtures.PathOf(batch);
            if (!File.Exists(path) || File.ReadAllText(path) != Fixtures.Format(batch, BochsRunner.Run(batch.Rom)))
            {
                output.WriteLine($"{path} differs from what Bochs says now");
                different++;
            }
        }

        output.WriteLine($"{batches.Length} batches, {different} differ");
        return different == 0 ? 0 : 1;
    }

    /// <summary>Prints the coverage of the recorded answers and fails when a possible cell has too few.</summary>
    public static int Table(TextWriter output) => PrintTable(output, [.. BochsBatches.All()]);

    private static int PrintTable(TextWriter output, IReadOnlyList<OracleBatch> batches)
    {
        var coverage = new Coverage();
        foreach (OracleBatch batch in batches)
        {
            coverage.Add(batch, Fixtures.Read(batch));
        }

        output.Write(coverage.Table());
        IReadOnlyList<string> shortfalls = coverage.Shortfalls();
        foreach (string shortfall in shortfalls)
        {
            output.WriteLine(shortfall);
        }

        return shortfalls.Count == 0 ? 0 : 1;
    }
}
