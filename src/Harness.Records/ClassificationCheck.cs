namespace Harness.Records;

/// <summary>What a classification says beyond the types of its values: reports rely on it.</summary>
internal static class ClassificationCheck
{
    private static readonly string[] Modes = ["real", "protected", "v86"];
    private static readonly string[] Classes = ["privileged", "sensitive", "innocuous", "undecided", "absent"];
    private static readonly string[] Sides = ["supervisor", "user"];
    private static readonly string[] Resources = ["resource(time)", "resource(platform)"];

    private static readonly string[] Findings =
    [
        "control(system)", "control(segment)", "mode",
        "location(memory)", "location(segments)", "location(tables)", "location(control registers)", "location(interrupt flag)", .. Resources,
    ];

    /// <summary>The first value that cannot be: its place, as <c>modes[0].forms[3].name</c>, with what was expected and found; null: none.</summary>
    public static (string Place, string Problem)? FirstProblem(ClassificationRecord record)
    {
        // Every other check reads elements.
        IEnumerable<(string Place, string Problem)>[] checks = [Nulls(record), Some("modes", "mode", record.Modes), Twice("modes", record.Modes, "mode", m => m.Mode), Each("modes", record.Modes, Mode)];
        foreach (var problem in checks.SelectMany(c => c))
        {
            return problem;
        }

        return null;
    }

    // The annotations of a list's elements are not checked by the serializer.
    private static IEnumerable<(string Place, string Problem)> Nulls(ClassificationRecord record) =>
    [
        .. Nulls("modes", record.Modes),
        .. Each("modes", record.Modes, (at, mode) =>
        [
            .. Nulls($"{at}.configurations", mode.Configurations),
            .. Nulls($"{at}.forms", mode.Forms),
            .. Each($"{at}.forms", mode.Forms, (of, form) =>
            [
                .. Nulls($"{of}.faults", form.Faults),
                .. Nulls($"{of}.verdicts", form.Verdicts),
                .. Each($"{of}.verdicts", form.Verdicts, (on, verdict) => Nulls($"{on}.findings", verdict.Findings)),
            ]),
            .. Nulls($"{at}.theorems", mode.Theorems),
            .. Each($"{at}.theorems", mode.Theorems, (of, theorem) => Nulls($"{of}.offending", theorem.Offending)),
        ]),
    ];

    private static IEnumerable<(string Place, string Problem)> Mode(string place, ClassifiedMode mode) =>
    [
        .. OneOf($"{place}.mode", Modes, mode.Mode),
        .. Some($"{place}.configurations", "configuration", mode.Configurations),
        .. Twice($"{place}.configurations", mode.Configurations, "name", c => c.Name),
        .. Twice($"{place}.forms", mode.Forms, "name", f => f.Name),
        .. Each($"{place}.forms", mode.Forms, (at, form) => Form(at, mode, form)),
        .. Each($"{place}.theorems", mode.Theorems, (at, theorem) => Theorem(at, mode, theorem)),
        .. mode.Theorems.GroupBy(t => (t.Theorem, t.Segments))
            .SelectMany(g => PerConfiguration($"{place}.theorems", $"of theorem {g.Key.Theorem} a verdict", mode, g.Select(t => t.Configuration))),
    ];

    private static IEnumerable<(string Place, string Problem)> Form(string place, ClassifiedMode mode, ClassifiedForm form) =>
    [
        .. Between($"{place}.settings", form.Settings, 0, int.MaxValue),
        .. PerConfiguration($"{place}.verdicts", "a verdict", mode, form.Verdicts.Select(v => v.Configuration)),
        .. Each($"{place}.verdicts", form.Verdicts, (at, verdict) => Verdict(at, form, verdict)),
    ];

    private static IEnumerable<(string Place, string Problem)> Verdict(string place, ClassifiedForm form, ClassVerdict verdict) =>
    [
        .. OneOf($"{place}.class", Classes, verdict.Class),
        .. Between($"{place}.pairs", verdict.Pairs, 0, form.Settings),
        .. Between($"{place}.trapped", verdict.Trapped, 0, verdict.Pairs),
        .. Each($"{place}.findings", verdict.Findings, (at, finding) => [.. OneOf($"{at}.name", Findings, finding.Name), .. OneOf($"{at}.side", Sides, finding.Side)]),
        // Tables count by the class, drawn sets by these.
        .. Agrees($"{place}.privileged", verdict, verdict.Privileged, verdict.Class == "privileged"),
        .. Agrees($"{place}.sensitive", verdict, verdict.Sensitive, verdict.Class == "sensitive" || (verdict.Class == "privileged" && verdict.Sensitive)),
        .. Agrees($"{place}.userSensitive", verdict, verdict.UserSensitive, verdict is { UserSensitive: true, Sensitive: true }),
        .. Shown($"{place}.findings", "sensitive", verdict.Sensitive, IsSensitive(verdict, segments: true)),
        .. Shown($"{place}.findings", "userSensitive", verdict.UserSensitive, IsUserSensitive(verdict, segments: true)),
        .. Pairs(place, verdict),
        .. (verdict.Unprivileged is not null) == (verdict.Class == "sensitive") ? []
            : One($"{place}.unprivileged", $"expected {(verdict.Unprivileged is null ? "a witness" : "null")} of a verdict with class {verdict.Class}, found {(verdict.Unprivileged is null ? "none" : "one")}"),
    ];

    private static IEnumerable<(string Place, string Problem)> Pairs(string place, ClassVerdict verdict) => (verdict.Class, verdict.Pairs) switch
    {
        ("undecided" or "absent", > 0) => One($"{place}.pairs", $"expected 0 of a verdict with class {verdict.Class}, found {verdict.Pairs}"),
        ("privileged" or "sensitive" or "innocuous", 0) => One($"{place}.pairs", $"expected at least 1 of a verdict with class {verdict.Class}, found 0"),
        ("privileged", _) when verdict.Trapped != verdict.Pairs => One($"{place}.trapped", $"expected all {verdict.Pairs} pairs of a verdict with class privileged, found {verdict.Trapped}"),
        ("sensitive" or "innocuous", _) when verdict.Trapped == verdict.Pairs => One($"{place}.trapped", $"expected fewer than {verdict.Pairs} of a verdict with class {verdict.Class}, found {verdict.Trapped}"),
        _ => [],
    };

    private static IEnumerable<(string Place, string Problem)> Shown(string place, string what, bool said, bool isShown) => said == isShown ? []
        : One(place, $"expected {(said ? "one that makes" : "none that makes")} the verdict {what}, found {(said ? "none" : "one")}");

    private static IEnumerable<(string Place, string Problem)> Theorem(string place, ClassifiedMode mode, TheoremRecord theorem) =>
    [
        .. Between($"{place}.theorem", theorem.Theorem, 1, 3),
        .. theorem.Holds == (theorem.Offending.Count == 0)
            ? []
            : One($"{place}.holds", $"expected {Text(!theorem.Holds)} with {theorem.Offending.Count} offending forms, found {Text(theorem.Holds)}"),
        .. Offending($"{place}.offending", mode, theorem),
    ];

    /// <summary>The rules of the theorems, over the verdicts of the same file.</summary>
    private static IEnumerable<(string Place, string Problem)> Offending(string place, ClassifiedMode mode, TheoremRecord theorem)
    {
        string[] expected = [.. mode.Forms.Where(f => f.Verdicts.FirstOrDefault(v => v.Configuration == theorem.Configuration) is { Privileged: false } v && Violates(v)).Select(f => f.Name)];
        string[] found = [.. theorem.Offending];
        int first = Enumerable.Range(0, int.Max(expected.Length, found.Length)).FirstOrDefault(i => expected.ElementAtOrDefault(i) != found.ElementAtOrDefault(i), -1);
        return first < 0 ? []
            : One(
                first < found.Length ? $"{place}[{first}]" : place,
                $"expected {Name(expected, first)}, by the verdicts on the forms and in their order, found {Name(found, first)}");

        bool Violates(ClassVerdict verdict) => theorem.Theorem switch
        {
            1 => IsSensitive(verdict, theorem.Segments),
            2 => IsSensitive(verdict, theorem.Segments) || verdict.Findings.Any(f => f.Name == "resource(time)"),
            _ => IsUserSensitive(verdict, theorem.Segments),
        };

        static string Name(string[] names, int index) => index < names.Length ? $"'{names[index]}'" : "no more";
    }

    private static bool IsSensitive(ClassVerdict verdict, bool segments) => verdict.Findings.Any(f => Counts(f, segments));

    private static bool IsUserSensitive(ClassVerdict verdict, bool segments) => verdict.Findings.Any(f => f.Side == "user" && f.Name != "mode" && Counts(f, segments));

    private static bool Counts(ClassFinding finding, bool segments) => !Resources.Contains(finding.Name) && (segments || finding.Name != "control(segment)");

    private static IEnumerable<(string Place, string Problem)> Some<T>(string place, string what, IReadOnlyList<T> list) =>
        list.Count > 0 ? [] : One(place, $"expected at least one {what}, found none");

    private static IEnumerable<(string Place, string Problem)> Nulls<T>(string place, IReadOnlyList<T> list) =>
        list.Select((element, i) => (element, i)).Where(e => e.element is null).Select(e => ($"{place}[{e.i}]", "must not hold null"));

    private static IEnumerable<(string Place, string Problem)> Each<T>(string place, IReadOnlyList<T> list, Func<string, T, IEnumerable<(string Place, string Problem)>> check) =>
        list.SelectMany((element, i) => element is null ? [] : check($"{place}[{i}]", element));

    private static IEnumerable<(string Place, string Problem)> Twice<T>(string place, IReadOnlyList<T> list, string key, Func<T, string> name)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        return list.Select((element, i) => (Element: element, Index: i)).Where(e => !names.Add(name(e.Element)))
            .Select(e => ($"{place}[{e.Index}].{key}", $"expected each once, found '{name(e.Element)}' again"));
    }

    private static IEnumerable<(string Place, string Problem)> PerConfiguration(string place, string what, ClassifiedMode mode, IEnumerable<string> found)
    {
        string[] expected = [.. mode.Configurations.Select(c => c.Name)];
        string[] names = [.. found];
        return names.SequenceEqual(expected) ? [] : One(place, $"expected {what} for each configuration, in their order ({string.Join(", ", expected)}), found {Listed(names)}");
    }

    private static IEnumerable<(string Place, string Problem)> OneOf(string place, string[] known, string found) =>
        known.Contains(found) ? []
        : One(place, $"expected one of {string.Join(", ", known)}, found '{found}'");

    private static IEnumerable<(string Place, string Problem)> Between(string place, int found, int first, int last) =>
        found >= first && found <= last ? []
        : last == int.MaxValue ? One(place, $"must not be negative, found {found}")
        : One(place, $"expected {first} to {last}, found {found}");

    private static IEnumerable<(string Place, string Problem)> Agrees(string place, ClassVerdict verdict, bool found, bool expected) =>
        found == expected ? [] : One(place, $"expected {Text(expected)} of a verdict with class {verdict.Class}, found {Text(found)}");

    private static IEnumerable<(string Place, string Problem)> One(string place, FormattableString problem) => [(place, FormattableString.Invariant(problem))];

    private static string Text(bool value) => value ? "true" : "false";

    private static string Listed(string[] names) => names.Length == 0 ? "none" : string.Join(", ", names);
}
