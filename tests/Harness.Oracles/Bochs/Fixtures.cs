using System.Globalization;
using System.Text;

namespace Harness.Oracles.Bochs;

/// <summary>
/// Recorded answers: one text file per batch. After the header, line n is the name of case n and its answer: the vector, registers that differ from
/// the state the case started in (name=value), and dwords of physical memory below 8000h that changed (address:value); all numbers are hexadecimal.
/// The pushed frame is among the dwords, from ESP upwards.
/// </summary>
public static class Fixtures
{
    /// <summary>The line after the last answer on the console.</summary>
    public const string EndLine = "END";

    private static readonly string HeaderStart = $"# oracle: Bochs {BochsRunner.Version}, cpu model {BochsRunner.CpuModel}";

    /// <summary>The folder of the fixtures in the source tree that this assembly was built from, found from the working or the base directory.</summary>
    public static string Folder()
    {
        foreach (string start in new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                string candidate = Path.Combine(folder.FullName, "tests", "Harness.Oracles");
                if (Directory.Exists(candidate))
                {
                    return Path.Combine(candidate, "fixtures", $"bochs-{BochsRunner.Version}");
                }
            }
        }

        throw new DirectoryNotFoundException("No folder tests/Harness.Oracles above the working directory: run inside the repository.");
    }

    /// <summary>The fixture file of a batch for a console text.</summary>
    /// <exception cref="FormatException">The console text is not one line per case followed by END.</exception>
    public static string Format(OracleBatch batch, string consoleText)
    {
        IReadOnlyList<string> answers = Answers(batch, consoleText, out string? error);
        if (error is not null)
        {
            throw new FormatException($"Batch {batch.Name}: {error}");
        }

        var text = new StringBuilder();
        text.Append(HeaderStart).Append('\n').Append("# image sha256: ").Append(batch.ImageHash).Append('\n');
        for (int i = 0; i < answers.Count; i++)
        {
            text.Append(batch.Cases[i].Name).Append(' ').Append(answers[i]).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The recorded answers of a batch, in the order of its cases.</summary>
    /// <exception cref="FormatException">The file is missing, was recorded from another image, or names other cases.</exception>
    public static IReadOnlyList<string> Read(OracleBatch batch)
    {
        string path = PathOf(batch);
        if (!File.Exists(path))
        {
            throw new FormatException($"{path} is missing: record it with `dotnet run --project tests/Harness.Oracles -- bochs record`.");
        }

        string[] lines = File.ReadAllText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Expect(path, 1, HeaderStart, lines.ElementAtOrDefault(0));
        Expect(path, 2, "# image sha256: " + batch.ImageHash, lines.ElementAtOrDefault(1));
        Expect(path, 0, (batch.Cases.Count + 2).ToString(CultureInfo.InvariantCulture) + " lines", lines.Length.ToString(CultureInfo.InvariantCulture) + " lines");
        string[] answers = new string[batch.Cases.Count];
        for (int i = 0; i < answers.Length; i++)
        {
            string[] parts = lines[i + 2].Split(' ', 2);
            Expect(path, i + 3, batch.Cases[i].Name, parts[0]);
            answers[i] = parts[1];
        }

        return answers;
    }

    public static string PathOf(OracleBatch batch) => Path.Combine(Folder(), batch.Name + ".txt");

    /// <summary>The answers in a console text. On error, the answers before it.</summary>
    internal static IReadOnlyList<string> Answers(OracleBatch batch, string consoleText, out string? error)
    {
        string[] lines = consoleText.Split('\n');
        var answers = new List<string>();
        error = null;
        for (int i = 0; i < batch.Cases.Count; i++)
        {
            string index = i.ToString("x", CultureInfo.InvariantCulture) + " ";
            if (i >= lines.Length || !lines[i].StartsWith(index, StringComparison.Ordinal))
            {
                error = $"no answer to case {i} ({batch.Cases[i].Name}): expected a line starting with \"{index}\", found \"{lines.ElementAtOrDefault(i)}\"";
                return answers;
            }

            answers.Add(lines[i][index.Length..]);
        }

        if (lines.ElementAtOrDefault(batch.Cases.Count) != EndLine)
        {
            error = $"expected {EndLine} after the last answer, found \"{lines.ElementAtOrDefault(batch.Cases.Count)}\"";
        }

        return answers;
    }

    private static void Expect(string path, int line, string expected, string? found)
    {
        if (expected != found)
        {
            throw new FormatException($"{path}({line}): expected \"{expected}\", found \"{found}\". If the generator was changed on purpose, record the fixtures again.");
        }
    }
}
