using System.Globalization;
using Harness.Records;

namespace Harness.Reports;

/// <summary>One part of a report on a classification, before it has a form.</summary>
/// <param name="Level">Of its heading: 2 or 3.</param>
/// <param name="Title">Its heading.</param>
internal sealed record ReportSection(int Level, string Title)
{
    /// <summary>A paragraph.</summary>
    public string Text { get; init; } = "";

    /// <summary>Of the table; empty: none.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    /// <summary>Of the table.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows { get; init; } = [];

    /// <summary>The sets to be drawn, each with its caption.</summary>
    public IReadOnlyList<(string Caption, FormSets Sets)> Diagrams { get; init; } = [];
}

/// <summary>What a report on a classification says, in order.</summary>
internal static class ClassificationSections
{
    private static readonly string[] Conditions =
    [
        "",
        "every sensitive form is privileged",
        "every sensitive form is privileged, and no form shows time without a trap",
        "every user-sensitive form is privileged",
    ];

    /// <summary>The whole report.</summary>
    /// <param name="record">The classification.</param>
    /// <param name="offenders">With the names of the forms that violate a theorem's condition, often a hundred.</param>
    public static IReadOnlyList<ReportSection> Of(ClassificationRecord record, bool offenders) => [.. record.Modes.SelectMany(m => Mode(record, m, offenders)).Where(s => s.Headers.Count == 0 || s.Rows.Count > 0)];

    /// <summary>Only theorems, each with the forms that violate its condition.</summary>
    public static IReadOnlyList<ReportSection> OfTheorems(ClassificationRecord record, IReadOnlyList<int> theorems) =>
    [
        .. from mode in record.Modes
           from theorem in theorems
           let verdicts = mode.Theorems.Where(t => t.Theorem == theorem).ToList()
           select Offenders(record, mode, theorem, verdicts),
    ];

    private static IEnumerable<ReportSection> Mode(ClassificationRecord record, ClassifiedMode mode, bool offenders)
    {
        yield return new ReportSection(2, ModeName(record, mode))
        {
            Text = "Privileged: every pair that was tried trapped in user mode and not in supervisor mode; that is counted, never proven. Sensitive: shown by a witness.",
            Headers =
            [
                "configuration", "what traps", "forms seen", "privileged", "sensitive, not privileged", "of these user-sensitive", "innocuous", "of these resource", "undecided", "absent",
            ],
            Rows = [.. mode.Configurations.Select((c, i) => Summary(c, [.. mode.Forms.Select(f => f.Verdicts[i])]))],
            // The sets of a few forms say nothing of the processor.
            Diagrams = mode.Theorems.Count == 0 ? [] : [.. mode.Configurations.Select((c, i) => (c.Name, FormSets.Of(mode.Forms.Select(f => f.Verdicts[i]))))],
        };
        string[] configurations = [.. mode.Configurations.Select(c => c.Name)];
        yield return Forms("Privileged and sensitive forms", "", f => f.Verdicts.Any(v => v.Class is "privileged" or "sensitive"));
        yield return Forms(
            "Resource", "Innocuous to the theorems, but they show time or the platform, or act on it.",
            f => f.Verdicts.All(v => v.Class == "innocuous") && f.Verdicts.Any(IsResource));
        if (mode.Forms.Any(f => Is(f, "undecided")))
        {
            yield return new ReportSection(3, "Undecided")
            {
                Text = "Every run of both sides faulted: nothing was seen.",
                Headers = ["form", "opcode", "states", "faults"],
                Rows = [.. mode.Forms.Where(f => Is(f, "undecided")).Select(f => (string[])[f.Name, f.OpCode, Number(f.Settings), string.Join(' ', f.Faults)])],
            };
        }

        if (mode.Forms.Any(f => Is(f, "absent")))
        {
            yield return new ReportSection(3, "Absent")
            {
                Text = "The mode or the model has no such instruction: " + string.Join("; ", mode.Forms.Where(f => Is(f, "absent")).Select(f => f.Name)) + ".",
            };
        }

        if (mode.Theorems.Count > 0)
        {
            yield return new ReportSection(3, "Theorems")
            {
                Headers = ["theorem", "condition", "segment loads", .. configurations, "some configuration satisfies it"],
                Rows = [.. mode.Theorems.GroupBy(t => (t.Theorem, t.Segments)).Select(g => Theorem(g.Key.Theorem, g.Key.Segments, [.. g]))],
            };
        }

        ReportSection Forms(string title, string text, Func<ClassifiedForm, bool> belongs) =>
            new(3, title) { Text = text, Headers = ["form", "opcode", .. configurations, "found"], Rows = [.. mode.Forms.Where(belongs).Select(Row)] };

        foreach (var theorem in mode.Theorems.Where(_ => offenders).GroupBy(t => t.Theorem).Where(g => g.Any(t => !t.Holds)))
        {
            yield return Offenders(record, mode, theorem.Key, [.. theorem]) with { Level = 3, Title = $"Against theorem {Number(theorem.Key)}" };
        }
    }

    private static ReportSection Offenders(ClassificationRecord record, ClassifiedMode mode, int theorem, List<TheoremRecord> verdicts) =>
        new(2, $"Theorem {Number(theorem)}: {ModeName(record, mode)}")
        {
            Text = $"{Capital(Conditions[theorem])}. Some configuration satisfies it: {Some(verdicts.Where(v => v.Segments))}; without loads of segment registers: "
                + $"{Some(verdicts.Where(v => !v.Segments))}.",
            Headers = ["configuration", "segment loads", "verdict", "offending forms"],
            Rows = [.. verdicts.Select(v => (string[])[v.Configuration, Counted(v.Segments), Verdict(v), string.Join("; ", v.Offending)])],
        };

    private static string[] Summary(ClassifiedConfiguration configuration, ClassVerdict[] verdicts)
    {
        FormSets sets = FormSets.Of(verdicts);
        return
        [
            configuration.Name, configuration.Meaning, Number(sets.Seen), Number(sets.OnlyPrivileged + sets.Both), Number(sets.UserSensitive + sets.OtherSensitive),
            Number(sets.UserSensitive), Number(sets.Innocuous), Number(verdicts.Count(v => v.Class == "innocuous" && IsResource(v))),
            Number(verdicts.Count(v => v.Class == "undecided")), Number(verdicts.Count(v => v.Class == "absent")),
        ];
    }

    private static string[] Row(ClassifiedForm form) =>
    [
        form.Name,
        form.OpCode,
        .. form.Verdicts.Select(v => v.Class == "privileged" ? $"privileged ({Number(v.Pairs)} pairs)" : $"{v.Class} ({Number(v.Trapped)} of {Number(v.Pairs)} pairs trap)"),
        string.Join(", ", form.Verdicts.SelectMany(v => v.Findings).Select(f => f.Name).Distinct(StringComparer.Ordinal)) + (form.Note is { } note ? $"; {note}" : ""),
    ];

    private static string[] Theorem(int theorem, bool segments, List<TheoremRecord> verdicts) =>
        [Number(theorem), Conditions[theorem], Counted(segments), .. verdicts.Select(Verdict), Some(verdicts)];

    private static string ModeName(ClassificationRecord record, ClassifiedMode mode) => $"{record.Model}, {mode.Mode} mode";

    private static string Verdict(TheoremRecord verdict) => verdict.Holds ? "not refuted" : $"refuted by {Number(verdict.Offending.Count)}";

    private static string Counted(bool segments) => segments ? "count" : "left out";

    private static string Some(IEnumerable<TheoremRecord> verdicts) => verdicts.Any(v => v.Holds) ? "yes" : "no";

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static bool Is(ClassifiedForm form, string name) => form.Verdicts.Any(v => v.Class == name);

    private static bool IsResource(ClassVerdict verdict) => verdict.Findings.Any(f => f.Name.StartsWith("resource", StringComparison.Ordinal));

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
