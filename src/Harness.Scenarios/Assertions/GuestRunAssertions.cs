using FluentAssertions;
using FluentAssertions.Primitives;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>Assertions on a guest's run under one engine.</summary>
public sealed class GuestRunAssertions(GuestRun run) : ReferenceTypeAssertions<GuestRun, GuestRunAssertions>(run)
{
    protected override string Identifier => "run";

    /// <summary>Equivalence holds: the guest saw what it sees on the bare machine, at every step.</summary>
    public AndConstraint<GuestRunAssertions> MatchBare(string because = "", params object[] becauseArgs)
    {
        EquivalenceVerdict verdict = Subject.Equivalence;
        Failure.Unless(verdict.Holds, Subject, "to match the bare machine", () => Describe(verdict), "diverge", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>The first guest-visible value that differs from the bare machine's, and where; what is not given is not compared.</summary>
    /// <param name="at">Mark ("popf", "popf+2") or guest-linear address.</param>
    /// <param name="value">What differs: "eflags.IF", "eax", "[00012345]", "port 03F8", "#GP".</param>
    /// <param name="bare">Its value on the bare machine.</param>
    /// <param name="found">Its value under the engine.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<GuestRunAssertions> FirstDivergeFromBare(
        string? at = null, string? value = null, long? bare = null, long? found = null, string because = "", params object[] becauseArgs)
    {
        EquivalenceVerdict verdict = Subject.Equivalence;
        Divergence? first = verdict.FirstDivergence;
        bool holds = first is not null && (at ?? first.At) == first.At && (value ?? first.Value) == first.Value
            && (bare ?? first.Bare) == first.Bare && (found ?? first.Found) == first.Found;
        string expected = string.Create(
            CultureInfo.InvariantCulture, $"to differ from the bare machine first in {value ?? "any value"} at {at ?? "any place"}: bare {Or(bare)}, found {Or(found)}");
        Failure.Unless(holds, Subject, expected, () => Describe(verdict), "diverge", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>So many VM exits, of all causes or of one, everywhere or in a mark.</summary>
    public AndConstraint<GuestRunAssertions> HaveExits(long count, string? at = null, string? cause = null, string because = "", params object[] becauseArgs) =>
        HaveEvents(count, EngineEventKind.Exit, cause, at: at, because: because, becauseArgs: becauseArgs);

    /// <summary>So many events that agree with everything given.</summary>
    public AndConstraint<GuestRunAssertions> HaveEvents(
        long count, EngineEventKind? kind = null, string? cause = null, string? reason = null, string? instruction = null, string? at = null, string because = "",
        params object[] becauseArgs)
    {
        Subject.Events.Where(kind, cause, reason, instruction, at).Should().HaveCount(count, because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>Resource control holds.</summary>
    public AndConstraint<GuestRunAssertions> ControlResources(string because = "", params object[] becauseArgs)
    {
        ResourceControl control = Subject.ResourceControl;
        Failure.Unless(control.Holds, Subject, "to leave everything that is not the guest's alone", () => control.Detail, "trace", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>Efficiency holds: most instructions ran without the monitor.</summary>
    public AndConstraint<GuestRunAssertions> BeEfficient(string because = "", params object[] becauseArgs)
    {
        Failure.Unless(Subject.Efficiency.Holds, Subject, "to execute most instructions without intervention", DescribeEfficiency, "run", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>Efficiency does not hold: at least half of the instructions were emulated.</summary>
    public AndConstraint<GuestRunAssertions> NotBeEfficient(string because = "", params object[] becauseArgs)
    {
        Failure.Unless(!Subject.Efficiency.Holds, Subject, "to emulate at least half of its instructions", DescribeEfficiency, "run", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    /// <summary>The run ended in a way.</summary>
    public AndConstraint<GuestRunAssertions> EndBy(GuestEnd end, string because = "", params object[] becauseArgs)
    {
        Failure.Unless(
            Subject.End == end, Subject, $"to end by {end}", () => string.Create(CultureInfo.InvariantCulture, $"{Subject.End} at tick {Subject.Ticks}, EIP {Subject.Eip:X8}"),
            "trace", because, becauseArgs);
        return new AndConstraint<GuestRunAssertions>(this);
    }

    private string DescribeEfficiency() => string.Create(
        CultureInfo.InvariantCulture, $"{Subject.Retired.Direct} direct, {Subject.Retired.Translated} translated, {Subject.Retired.Emulated} emulated");

    private static string Describe(EquivalenceVerdict verdict) => verdict.FirstDivergence is { } first
        ? $"{first}{(verdict.MetAgain ? "; the states meet again" : "")}"
        : "no difference at all";

    private static string Or(long? number) => number is { } n ? n.ToString(CultureInfo.InvariantCulture) : "any";
}
