using System.Text;
using FluentAssertions;
using FluentAssertions.Primitives;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>Assertions on events. A failure lists those that there are.</summary>
public sealed class RunEventsAssertions(RunEvents events) : ReferenceTypeAssertions<RunEvents, RunEventsAssertions>(events)
{
    private const int Shown = 10;

    protected override string Identifier => "events";

    public AndConstraint<RunEventsAssertions> BeEmpty(string because = "", params object[] becauseArgs) => HaveCount(0, because, becauseArgs);

    public AndConstraint<RunEventsAssertions> NotBeEmpty(string because = "", params object[] becauseArgs)
    {
        Failure.Unless(Subject.Count() != 0, Subject.Run, $"to have {Subject.Description}", () => "none", "trace", because, becauseArgs);
        return new AndConstraint<RunEventsAssertions>(this);
    }

    public AndConstraint<RunEventsAssertions> HaveCount(long count, string because = "", params object[] becauseArgs)
    {
        long found = Subject.Count();
        string expected = string.Create(CultureInfo.InvariantCulture, $"to have {count} {Subject.Description}");
        Failure.Unless(found == count, Subject.Run, expected, () => Describe(found), "trace", because, becauseArgs);
        return new AndConstraint<RunEventsAssertions>(this);
    }

    private string Describe(long count)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{count}");
        if (count is > 0 and <= Ledger.Capacity)
        {
            foreach (EngineEvent e in Subject.Take(Shown))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n  tick {e.Tick}: {e.Kind} {e.Cause} {e.Reason} {e.Instruction} {e.Detail} cpl {e.Cpl} at {Subject.Run.Guest.Locate(e.Address)}");
            }

            text.Append(count > Shown ? "\n  ..." : "");
        }

        return text.ToString();
    }
}
