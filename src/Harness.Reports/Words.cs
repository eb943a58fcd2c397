using System.Globalization;
using Harness.Records;

namespace Harness.Reports;

/// <summary>Values of records in words, the same in every report.</summary>
internal static class Words
{
    public static string Of(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "passed",
        Outcome.Failed => "failed",
        Outcome.Error => "error",
        Outcome.Limit => "limit",
        _ => "not applicable",
    };

    public static string Of(CaseState state) => state switch
    {
        CaseState.Passed => "passed",
        CaseState.Failed => "failed",
        CaseState.Error => "error",
        _ => "not applicable",
    };

    public static string Of(SnapshotVerdict snapshot) => snapshot switch
    {
        SnapshotVerdict.Equal => "equal",
        SnapshotVerdict.New => "new",
        SnapshotVerdict.Changed => "changed",
        _ => "",
    };

    public static string Holds(bool? holds) => holds switch { true => "holds", false => "fails", null => "" };

    public static string Of(Divergence d) =>
        string.Create(CultureInfo.InvariantCulture, $"tick {d.Tick} at {d.At}: {d.Value} bare {d.Bare}, found {d.Found}, by {d.Instruction}");

    /// <summary>The title and what the scenario covers.</summary>
    public static string Subject(ScenarioReport scenario) =>
        scenario.Covers.Count == 0 ? scenario.Title : $"{scenario.Title} ({string.Join(", ", scenario.Covers)})";

    /// <summary>"1 scenario", "2 scenarios".</summary>
    public static string Scenarios(int count) => string.Create(CultureInfo.InvariantCulture, $"{count} scenario{(count == 1 ? "" : "s")}");

    /// <summary>"; snapshots: 2 equal, 1 new"; empty when none was compared.</summary>
    public static string Snapshots(IEnumerable<ScenarioReport> scenarios)
    {
        var parts = scenarios.Select(s => s.Verdict?.Snapshot ?? SnapshotVerdict.None).Where(s => s != SnapshotVerdict.None).GroupBy(s => s).OrderBy(g => g.Key)
            .Select(g => string.Create(CultureInfo.InvariantCulture, $"{g.Count()} {Of(g.Key)}")).ToList();
        return parts.Count == 0 ? "" : $"; snapshots: {string.Join(", ", parts)}";
    }

    /// <summary>"3 passed, 1 failed", leaving out what does not occur.</summary>
    public static string Count(IEnumerable<CaseState> cases)
    {
        var states = cases.ToList();
        var parts = Enum.GetValues<CaseState>()
            .Select(state => (State: state, Count: states.Count(s => s == state)))
            .Where(part => part.Count > 0)
            .Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Count} {Of(part.State)}"));
        return string.Join(", ", parts);
    }

    /// <summary>Properties of a run and what it cost, by name; the same rows for every run.</summary>
    public static IReadOnlyList<(string Name, string Value)> Facts(RunRecord run) =>
    [
        ("outcome", run.Outcome == Outcome.NotApplicable && run.Message is not null ? $"{Of(run.Outcome)}: {run.Message}" : Of(run.Outcome)),
        ("equivalence", Holds(run.Properties?.Equivalence?.Holds)),
        ("first divergence", run.Properties?.Equivalence?.FirstDivergence is { } divergence ? Of(divergence) : ""),
        ("first other way", run.Properties?.Equivalence?.FirstControlFlow is { } other ? Of(other) : ""),
        ("states met again", run.Properties?.Equivalence?.MetAgain switch { true => "yes", false => "no", null => "" }),
        ("resource control", Judged(run.Properties?.ResourceControl)),
        ("efficiency", Judged(run.Properties?.Efficiency)),
        ("ticks", Number(run.Ticks?.Total)),
        ("ticks halted", Number(run.Ticks?.Halted)),
        ("instructions", Number(run.Retired?.Guest)),
        ("direct", Number(run.Retired?.Direct)),
        ("translated", Number(run.Retired?.Translated)),
        ("emulated", Number(run.Retired?.Emulated)),
        ("cycles of the guest", Number(run.Cycles?.Guest)),
        ("cycles added", Number(run.Cycles?.Overhead)),
        ("cost profile", run.Cost ?? ""),
        ("assumed costs", string.Join("; ", run.Assumptions)),
    ];

    private static string Judged(JudgedProperty? property) =>
        property is null ? "" : Holds(property.Holds) + (property.Detail is null ? "" : ": " + property.Detail);

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";
}
