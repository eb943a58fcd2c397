using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DiffPlex;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;

namespace Harness.Records;

/// <summary>
/// The canonical text of a snapshot: a head, then a section for each fact, guest and run. It leaves out what a harmless change alters:
/// costs, addresses, messages. At most <see cref="MaximumLines"/> lines: the longest sections are folded, and a digest stands for the
/// folded lines, so that no change escapes.
/// </summary>
public static class SnapshotText
{
    /// <summary>Longest text, in lines.</summary>
    public const int MaximumLines = 120;

    private const string Heading = "== ";
    private const string FoldLabel = "folded    to ";
    private const string RestName = "further sections";
    private const int Context = 3;

    // A diff that nobody reads to its end: of two texts that share nothing there would be twice MaximumLines.
    private const int MostDiffLines = 3 * MaximumLines;
    private const int MostDiffColumns = 400;

    // Heading, one line that says what was folded, and the blank line before it.
    private const int SmallestFold = 2;
    private const int HeadLines = 3;
    private const int MostSections = (MaximumLines - HeadLines) / (SmallestFold + 1);

    /// <summary>The text of a whole run.</summary>
    public static string Render(SnapshotContent content)
    {
        var sections = Sections(content);
        if (sections.Count > MostSections)
        {
            var rest = sections[(MostSections - 1)..];
            sections = [.. sections[..(MostSections - 1)], new(RestName, [$"  {rest.Count} sections, {Digest(rest.SelectMany(s => s.Lines.Prepend(s.Name)))}"])];
        }

        var longest = sections.Select(s => s.Lines.Count + 1).DefaultIfEmpty().Max();
        var limit = longest;
        while (limit > SmallestFold && sections.Sum(s => Math.Min(s.Lines.Count + 1, limit) + 1) > MaximumLines - HeadLines)
        {
            limit--;
        }

        return Join(Head(content, limit < longest ? limit : null), sections.Select(s => Fold(s, limit)));
    }

    /// <summary>
    /// The text of a run of some engines put into the text of an earlier one: its sections replace those of the same name or follow the one they
    /// follow in the run, and are folded as the earlier text was.
    /// </summary>
    public static string RenderInto(SnapshotContent content, string earlier)
    {
        var (head, sections) = Parse(earlier);
        var limit = FoldLimit(head);
        var hasRest = sections.Exists(s => s.Name == RestName);
        var place = 0;
        foreach (var section in Sections(content).Select(s => Fold(s, limit ?? int.MaxValue)))
        {
            var found = sections.FindIndex(s => s.Name == section.Name);
            if (found >= 0)
            {
                sections[found] = section;
                place = found + 1;
            }
            else if (!hasRest)
            {
                sections.Insert(place++, section);
            }
        }

        return Join(Head(content, limit), sections);
    }

    /// <summary>
    /// The differing lines of two texts with three equal lines around them, long ones and the end of many cut off; the format is that of
    /// <see cref="SnapshotComparison.Diff"/>.
    /// </summary>
    public static IReadOnlyList<string> Diff(string verified, string received)
    {
        var lines = new InlineDiffBuilder(new Differ()).BuildDiffModel(verified, received, ignoreWhitespace: false).Lines;
        var near = new bool[lines.Count];
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Type != ChangeType.Unchanged)
            {
                var end = Math.Min(lines.Count, i + Context + 1);
                Array.Fill(near, true, Math.Max(0, i - Context), end - Math.Max(0, i - Context));
            }
        }

        var result = new List<string>();
        for (var i = 0; i < lines.Count; i++)
        {
            if (near[i])
            {
                var sign = lines[i].Type switch { ChangeType.Deleted => "- ", ChangeType.Inserted => "+ ", _ => "  " };
                result.Add(Cut(sign + Printable.Escape(lines[i].Text ?? "")).TrimEnd());
            }
            else if (i == 0 || near[i - 1])
            {
                result.Add("...");
            }
        }

        return result.Count <= MostDiffLines
            ? result
            : [.. result[..MostDiffLines], string.Create(CultureInfo.InvariantCulture, $"... {result.Count - MostDiffLines} more lines")];
    }

    private static string Cut(string line) => line.Length <= MostDiffColumns
        ? line
        : string.Create(CultureInfo.InvariantCulture, $"{line[..MostDiffColumns]} ... {line.Length - MostDiffColumns} more characters");

    private static List<string> Head(SnapshotContent content, int? limit) =>
    [
        $"scenario  {Printable.Escape(content.Scenario)}",
        $"title     {Printable.Escape(content.Title)}".TrimEnd(),
        .. limit is { } lines ? [string.Create(CultureInfo.InvariantCulture, $"{FoldLabel}{lines} lines a section")] : Array.Empty<string>(),
    ];

    private static List<Section> Sections(SnapshotContent content) =>
        [
            .. content.Facts.Select(Fact), .. content.Guests.Select(Guest), .. content.Records.Select(Run),
            .. content.Matrix.GroupBy(r => $"matrix: {r.Side} in {r.Mode} mode on {r.Cpu}").Select(g => new Section(Printable.Escape(g.Key), Matrix([.. g]))),
        ];

    private static Section Fact(SnapshotFact fact) => new(Printable.Escape(fact.Name), [.. fact.Lines.Select(line => $"  {Printable.Escape(line)}".TrimEnd())]);

    private static List<string> Matrix(IReadOnlyList<MatrixRecord> rows) => [.. MatrixText.Lines(rows).Select(line => $"  {Printable.Escape(line)}")];

    private static Section Guest(SnapshotGuest guest) => new(
        Printable.Escape(guest.Name),
        [
            string.Create(CultureInfo.InvariantCulture, $"  {guest.Image.Bytes} bytes, sha256 {Printable.Escape(guest.Image.Sha256)}"),
            .. guest.Disassembly.Select(line => $"  {Printable.Escape(line)}".TrimEnd()),
        ]);

    private static Section Run(RunRecord record)
    {
        var lines = new List<string>();
        if (record.Outcome == Outcome.NotApplicable)
        {
            lines.Add($"  not applicable: {Printable.Escape(record.Message ?? "")}".TrimEnd());
            return new(RunName(record), lines);
        }

        lines.Add($"  {OutcomeName(record.Outcome)}, final state {Printable.Escape(record.Digest ?? "none")}");
        if (record.Properties is { } properties)
        {
            AddProperties(lines, properties);
        }

        if (record.Machine is { HostFrames: > 0 } machine)
        {
            lines.AddRange(Machine(machine));
        }

        lines.AddRange(Events(record));
        lines.AddRange(Printable.Lines(record.Console).Select(line => $"  | {line}"));
        return new(RunName(record), lines);
    }

    private static string RunName(RunRecord record) =>
        Printable.Escape(string.Create(
            CultureInfo.InvariantCulture, $"run {record.Run}: {record.Engine} on {record.Cpu}{(record.Machine is { } machine ? ", machine " + machine.Name : "")}"));

    private static IEnumerable<string> Machine(MachineUse m)
    {
        FormattableString[] lines =
        [
            $"  {m.Slices} slices, {m.WorldSwitches} world switches, {m.Blocked} times blocked; pages: {m.Minimum} to {m.Maximum}, target {m.Target}, {m.ActivePercent} % in use",
            $"  {m.Present} present, {m.Shared} shared (most {m.MostShared}), {m.Ballooned} ballooned (most {m.MostBallooned}), {m.Swapped} swapped; {m.SwappedOut} out, {m.SwappedIn} in",
            $"  {m.Merged} merged, {m.Broken} broken; shadows of {m.ShadowSpaces} address spaces in {m.ShadowFrames} frames; host of {m.HostFrames} frames, states {string.Join('/', m.HostStates)}",
        ];
        return lines.Select(line => Printable.Escape(line.ToString(CultureInfo.InvariantCulture)));
    }

    private static string OutcomeName(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "passed",
        Outcome.Failed => "failed",
        Outcome.Limit => "limit",
        _ => "error",
    };

    private static void AddProperties(List<string> lines, RunProperties properties)
    {
        (string Name, bool? Holds, string? Detail)[] judged =
        [
            ("equivalence", properties.Equivalence?.Holds, null),
            ("resource control", properties.ResourceControl?.Holds, properties.ResourceControl?.Detail),
            ("efficiency", properties.Efficiency?.Holds, properties.Efficiency?.Detail),
        ];
        lines.Add("  " + string.Join(", ", judged.Select(p => $"{p.Name} {(p.Holds is { } holds ? holds ? "holds" : "fails" : "not judged")}")));
        if (properties.Equivalence is { } equivalence)
        {
            var met = equivalence.MetAgain is { } again ? again ? "; the states meet again" : "; the states never meet again" : "";
            AddDivergence(lines, "first divergence", equivalence.FirstDivergence, met);
            AddDivergence(lines, "first other way", equivalence.FirstControlFlow, "");
        }

        lines.AddRange(judged.Where(p => p.Detail is not null).Select(p => $"    {p.Name}: {Printable.Escape(p.Detail!)}"));
    }

    private static void AddDivergence(List<string> lines, string name, Divergence? divergence, string end)
    {
        if (divergence is { } d)
        {
            var by = string.IsNullOrEmpty(d.Instruction) ? "" : $" by {d.Instruction}";
            var text = string.Create(CultureInfo.InvariantCulture, $"    {name}: tick {d.Tick} at {d.At}: {d.Value} bare {d.Bare} found {d.Found}{by}{end}");
            lines.Add(Printable.Escape(text));
        }
    }

    // Detail and place of an event change with harmless changes of a guest: only what identifies the cause is kept. How a translator cuts its units is its own
    // business: a scenario says as a fact what it means to keep of it.
    private static IEnumerable<string> Events(RunRecord record) => record.Events
        .Where(e => e.Kind != "translation")
        .GroupBy(e => (e.Level, e.Kind, e.Cause, Reason: e.Reason ?? "", Instruction: e.Instruction ?? "-", e.Cpl))
        .OrderBy(g => g.Key.Level)
        .ThenBy(g => g.Key.Kind, StringComparer.Ordinal)
        .ThenBy(g => g.Key.Cause, StringComparer.Ordinal)
        .ThenBy(g => g.Key.Instruction, StringComparer.Ordinal)
        .ThenBy(g => g.Key.Cpl)
        .ThenBy(g => g.Key.Reason, StringComparer.Ordinal)
        .Select(g =>
        {
            var count = g.Aggregate((Int128)0, (sum, e) => sum + e.Count);
            var (level, kind, cause, reason, instruction, cpl) = g.Key;
            var text = string.Create(
                CultureInfo.InvariantCulture, $"  {count,8} {kind,-12} {cause,-28} {instruction,-10} cpl {cpl} level {level} {reason}");
            return Printable.Escape(text).TrimEnd();
        });

    private static Section Fold(Section section, int limit)
    {
        if (section.Lines.Count + 1 <= limit)
        {
            return section;
        }

        var kept = section.Lines.Take(limit - 2).ToList();
        var folded = section.Lines.Skip(kept.Count).ToList();
        kept.Add(string.Create(CultureInfo.InvariantCulture, $"  ... {folded.Count} more lines, {Digest(folded)}"));
        return new(section.Name, kept);
    }

    private static string Digest(IEnumerable<string> lines) =>
        "sha256 " + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))))[..32];

    private static string Join(IEnumerable<string> head, IEnumerable<Section> sections) =>
        string.Join('\n', head.Concat(sections.SelectMany(s => s.Lines.Prepend(Heading + s.Name).Prepend(""))));

    private static (List<string> Head, List<Section> Sections) Parse(string text)
    {
        var head = new List<string>();
        var sections = new List<Section>();
        foreach (var line in text.Split('\n').Where(line => line.Length > 0))
        {
            if (line.StartsWith(Heading, StringComparison.Ordinal))
            {
                sections.Add(new(line[Heading.Length..], []));
            }
            else
            {
                (sections.Count == 0 ? head : sections[^1].Lines).Add(line);
            }
        }

        return (head, sections);
    }

    private static int? FoldLimit(List<string> head)
    {
        var line = head.Find(l => l.StartsWith(FoldLabel, StringComparison.Ordinal));
        return line is not null && int.TryParse(line[FoldLabel.Length..].Split(' ')[0], CultureInfo.InvariantCulture, out var limit) && limit >= SmallestFold
            ? limit
            : null;
    }

    // Lines after the heading.
    private sealed record Section(string Name, List<string> Lines);
}
