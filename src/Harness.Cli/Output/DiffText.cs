using Harness.Records;

namespace Harness.Cli.Output;

/// <summary>A snapshot comparison for people.</summary>
internal static class DiffText
{
    /// <summary>Writes its status, what to do and the differing lines.</summary>
    public static void Write(CommandEnvironment environment, SnapshotComparison comparison)
    {
        environment.Out.WriteLine($"{comparison.Scenario}: {ResultNames.Of(comparison.Status)}. {comparison.Message}");
        foreach (var line in comparison.Diff)
        {
            environment.Out.WriteLine(line.StartsWith("- ", StringComparison.Ordinal) ? Colour.Bad(environment, line)
                : line.StartsWith("+ ", StringComparison.Ordinal) ? Colour.Good(environment, line) : line);
        }
    }
}
