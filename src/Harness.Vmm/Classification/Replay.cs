namespace Harness.Vmm.Classification;

/// <summary>The runs of a witness, again.</summary>
/// <param name="Setting">What ran.</param>
/// <param name="First">Where it ran first.</param>
/// <param name="Second">Where it ran then; null: nowhere.</param>
/// <param name="FirstOutcome">What it did first.</param>
/// <param name="SecondOutcome">What it did then.</param>
/// <param name="Differences">
/// Of two runs: the first value that a program sees differently, and between sides the first component of R. Of one: what it changed in R and among the segment
/// registers, and the port that it touched.
/// </param>
public sealed record Replay(
    Setting Setting, Situation First, Situation? Second, Outcome FirstOutcome, Outcome? SecondOutcome, IReadOnlyList<Difference> Differences)
{
    /// <summary>Runs the setting where it ran.</summary>
    public static Replay Of(Laboratory laboratory, Setting setting, Situation first, Situation? second)
    {
        Outcome one = laboratory.Run(setting, first);
        Outcome? other = second is { } where ? laboratory.Run(setting, where) : null;
        Difference?[] found = other is null
            ? [one.Control(segments: false), one.Control(segments: true), one.PortTouched]
            : [Outcome.Between(one, other, resources: first.Side != second!.Value.Side)];
        return new Replay(setting, first, second, one, other, [.. found.OfType<Difference>()]);
    }
}
