using System.Globalization;
using System.Text;
using Harness.Records;

namespace Harness.Reports;

/// <summary>Witnesses as a scenario script: comments for people, replays for the harness.</summary>
internal static class WitnessScript
{
    public static string Render(ClassificationRecord record)
    {
        var text = new StringBuilder("#load \"../prelude.csx\"\n");
        if (record.Cpu != record.Model)
        {
            Comment(text, $"The path of the model file, {record.Cpu}, is relative to the folder of this script.");
        }

        var numbers = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (ClassifiedMode mode in record.Modes)
        {
            foreach (ClassifiedForm form in mode.Forms)
            {
                Append(text, record, mode, form, numbers);
            }
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, ClassificationRecord record, ClassifiedMode mode, ClassifiedForm form, SortedDictionary<string, int> numbers)
    {
        // The names of forms that only the opcode tells apart end with it.
        string opCode = form.Name.EndsWith($"({form.OpCode})", StringComparison.Ordinal) ? "" : $" ({form.OpCode})";
        Comment(text.Append('\n'), $"{form.Name}{opCode} on {record.Model}, {mode.Mode} mode");
        if (form.Note is { } note)
        {
            Comment(text, $"  {note}");
        }

        foreach (ClassVerdict verdict in form.Verdicts)
        {
            string faults = verdict.Class is "undecided" or "absent" ? $"runs ended with {string.Join(' ', form.Faults)}"
                : string.Create(CultureInfo.InvariantCulture, $"{verdict.Trapped} of {verdict.Pairs} pairs trap in user mode");
            Comment(text, $"  {verdict.Configuration}: {verdict.Class}; {faults}");
        }

        // A witness on the supervisor's side serves every configuration.
        foreach (var same in Findings(form).GroupBy(f => f.Finding))
        {
            string configurations = string.Join(", ", same.Select(f => f.Configuration));
            ClassFinding finding = same.Key;
            string name = $"{form.Name}, {mode.Mode} mode, {configurations}: {finding.Name}, {finding.Side}";
            Describe(text, name, finding.Witness);
            string key = Key(form.Name);
            int number = numbers[key] = numbers.GetValueOrDefault(key) + 1;
            Scenario(text, record, mode, name, string.Create(CultureInfo.InvariantCulture, $"{key}-{number}"), finding.Witness);
        }
    }

    private static IEnumerable<(ClassFinding Finding, string Configuration)> Findings(ClassifiedForm form) =>
        from verdict in form.Verdicts
        from finding in verdict.Unprivileged is { } witness
            ? verdict.Findings.Append(new ClassFinding("not privileged", "user", witness))
            : verdict.Findings
        select (finding, verdict.Configuration);

    private static void Describe(StringBuilder text, string name, ClassWitness witness)
    {
        string[] parts = witness.Setting.Split(' ');
        Comment(text.Append('\n'), name);
        Comment(text, $"  instruction  {parts.First(p => p.StartsWith("code=", StringComparison.Ordinal))[5..]}");
        Comment(text, $"  registers    {string.Join(' ', parts.Where(p => p[0] != '@' && !p.StartsWith("code=", StringComparison.Ordinal)))}");
        foreach (string memory in parts.Where(p => p[0] == '@'))
        {
            Comment(text, $"  memory       {memory[1..].Replace("=", ": ", StringComparison.Ordinal)}");
        }

        Comment(text, $"  {(witness.Second is null ? "before" : witness.FirstState)}: {witness.What} = {witness.FirstValue}");
        Comment(text, $"  {(witness.Second is null ? $"after, {witness.FirstState}" : witness.SecondState)}: {witness.What} = {witness.SecondValue}");
    }

    private static void Scenario(StringBuilder text, ClassificationRecord record, ClassifiedMode mode, string title, string name, ClassWitness witness)
    {
        string second = witness.Second is { } where ? $", second: {Literal(where)}" : "";
        string assertion = witness.What == "outcome"
            ? $"EndWith({Literal(witness.FirstValue)}, {Literal(witness.SecondValue)})"
            : $"Differ({Literal(witness.What)}, {Literal(witness.FirstValue)}, {Literal(witness.SecondValue)})";
        text.Append($$"""
            Scenario({{Literal(title)}}, covers: "A2", name: {{Literal(name)}}, s =>
            {
                var witness = s.Replay(
                    cpu: {{Literal(record.Cpu)}}, mode: {{Literal(mode.Mode)}}, configuration: {{Literal(witness.Configuration)}},
                    setting: {{Literal(witness.Setting)}},
                    first: {{Literal(witness.First)}}{{second}});
                witness.Should().{{assertion}};
            });

            """);
    }

    private static void Comment(StringBuilder text, string line) => text.Append("// ").Append(Printable.Escape(line).TrimEnd()).Append('\n');

    private static string Key(string name)
    {
        var key = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterOrDigit(c))
            {
                key.Append(c);
            }
            else if (key.Length > 0 && key[^1] != '-')
            {
                key.Append('-');
            }
        }

        return key.ToString().TrimEnd('-');
    }

    private static string Literal(string text) => $"\"{Printable.Escape(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
