using FluentAssertions.Execution;

namespace Harness.Scenarios;

/// <summary>The one form of failures: who, what was expected, what was found with its place, and the command that shows more.</summary>
internal static class Failure
{
    public static void Unless(bool holds, GuestRun run, string expected, Func<string> found, string command, string because, object[] becauseArgs)
    {
        if (holds)
        {
            return;
        }

        run.Scenario.LastRead = null;
        string text = $"Expected {run} {expected}{{reason}}, but found {found()}. See: {run.Scenario.Host.Reproduction(command, run.Engine)}";
        Execute.Assertion.BecauseOf(because, becauseArgs).FailWith(text);
    }
}
