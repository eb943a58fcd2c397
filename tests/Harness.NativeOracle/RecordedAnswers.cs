namespace Harness.NativeOracle;

/// <summary>Answers of a processor kept in a text file, so that tests need no ptrace.</summary>
/// <param name="Processor">The processor that gave them.</param>
/// <param name="Answers">Cases with results, in the file's order.</param>
public sealed record RecordedAnswers(string Processor, IReadOnlyList<(Case Test, CaseResult Result)> Answers)
{
    private const string Header = "# ring-3 answers of ";

    /// <summary>Reads a file.</summary>
    /// <param name="path">A file that <see cref="Write"/> wrote.</param>
    /// <exception cref="FormatException">The file has another form; the message names file, line and what was expected.</exception>
    public static RecordedAnswers Read(string path)
    {
        string[] lines = File.ReadAllLines(path);
        if (lines.Length == 0 || !lines[0].StartsWith(Header, StringComparison.Ordinal))
        {
            throw new FormatException($"{path}(1): expected '{Header}PROCESSOR'; record the file again with the command 'record'");
        }

        var answers = new List<(Case, CaseResult)>();
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length == 0 || lines[i][0] == '#')
            {
                continue;
            }

            try
            {
                answers.Add(CaseText.Parse(lines[i]));
            }
            catch (FormatException e)
            {
                throw new FormatException($"{path}({i + 1}): {e.Message}", e);
            }
        }

        return new RecordedAnswers(lines[0][Header.Length..], answers);
    }

    /// <summary>Asks a processor and writes its answers, undefined bits as zero.</summary>
    /// <param name="path">The file; it appears only when it is complete.</param>
    /// <param name="oracle">The processor.</param>
    /// <param name="count">How many cases.</param>
    /// <param name="seed">Their seed.</param>
    public static void Write(string path, ICaseRunner oracle, int count, ulong seed)
    {
        var generator = new CaseGenerator(seed);
        string temporary = path + ".new";
        using (var file = new StreamWriter(temporary) { NewLine = "\n" })
        {
            file.WriteLine(Header + oracle.Name);
            file.WriteLine("# seed number|form|code|EIP EFLAGS|general registers|selectors|memory|vector error CR2|EIP EFLAGS|changed registers|selectors|memory");
            for (int i = 0; i < count; i++)
            {
                Case test = generator.Make(i);
                file.WriteLine(CaseText.ToLine(test, oracle.Run(test)));
            }
        }

        File.Move(temporary, path, true);
    }
}
