namespace Harness.Vmm.Classification;

/// <summary>What a theorem's condition comes to for one mode of a model under one configuration.</summary>
/// <param name="Theorem">1, 2 or 3.</param>
/// <param name="Mode">The guest's mode.</param>
/// <param name="Configuration">What the monitor lets trap.</param>
/// <param name="Segments">Whether loads of segment registers count as control sensitive.</param>
/// <param name="Offending">Forms that violate the condition, in the order of the classification; empty: it holds, as far as experiment can tell.</param>
public sealed record TheoremVerdict(
    int Theorem, GuestMode Mode, MonitorConfiguration Configuration, bool Segments, IReadOnlyList<FormVerdict> Offending)
{
    /// <summary>No form violates the condition.</summary>
    public bool Holds => Offending.Count == 0;
}

/// <summary>The conditions of Popek and Goldberg's three theorems (CACM 17(7), 1974) over classified forms.</summary>
public static class Theorems
{
    /// <summary>The theorem of that number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are 1, 2 and 3.</exception>
    public static TheoremVerdict Evaluate(int theorem, IReadOnlyList<FormVerdict> verdicts, GuestMode mode, MonitorConfiguration configuration, bool segments = true) => theorem switch
    {
        1 => One(verdicts, mode, configuration, segments),
        2 => Two(verdicts, mode, configuration, segments),
        3 => Three(verdicts, mode, configuration, segments),
        _ => throw new ArgumentOutOfRangeException(nameof(theorem), theorem, "expected 1, 2 or 3"),
    };

    /// <summary>Theorem 1: a monitor can be built if every sensitive form is privileged.</summary>
    public static TheoremVerdict One(IReadOnlyList<FormVerdict> verdicts, GuestMode mode, MonitorConfiguration configuration, bool segments = true, bool resources = false) =>
        Evaluate(1, verdicts, mode, configuration, segments, v => v.IsSensitive(segments, resources));

    /// <summary>Theorem 2: the machine is recursively virtualizable if Theorem 1 holds and a monitor without timing dependencies can be built: no form shows time without a trap.</summary>
    public static TheoremVerdict Two(IReadOnlyList<FormVerdict> verdicts, GuestMode mode, MonitorConfiguration configuration, bool segments = true) =>
        Evaluate(2, verdicts, mode, configuration, segments, v => v.IsSensitive(segments) || v.Findings.Any(f => f is { Kind: Sensitivity.Resource, Axis: Axis.Time }));

    /// <summary>Theorem 3: a hybrid monitor can be built if every user-sensitive form is privileged.</summary>
    public static TheoremVerdict Three(IReadOnlyList<FormVerdict> verdicts, GuestMode mode, MonitorConfiguration configuration, bool segments = true, bool resources = false) =>
        Evaluate(3, verdicts, mode, configuration, segments, v => v.IsUserSensitive(segments, resources));

    private static TheoremVerdict Evaluate(
        int theorem, IReadOnlyList<FormVerdict> verdicts, GuestMode mode, MonitorConfiguration configuration, bool segments, Func<ConfigurationVerdict, bool> isSensitive)
    {
        return new TheoremVerdict(theorem, mode, configuration, segments, [.. verdicts.Where(v => v.Mode == mode && Offends(v))]);

        bool Offends(FormVerdict verdict) =>
            verdict.Configurations.FirstOrDefault(c => c.Configuration == configuration) is { IsPrivileged: false } found && isSensitive(found);
    }
}
