using FluentAssertions;
using FluentAssertions.Execution;
using FluentAssertions.Numeric;
using Harness.Vmm.Classification;

namespace Harness.Scenarios;

/// <summary><c>Should()</c> over what runs give. Nothing else in the scenario API knows of an assertion library.</summary>
public static class AssertionExtensions
{
    public static GuestRunAssertions Should(this GuestRun run) => new(run);

    public static RunEventsAssertions Should(this RunEvents events) => new(events);

    public static ClassifiedProcessorAssertions Should(this ClassifiedProcessor processor) => new(processor);

    public static ClassifiedInstructionAssertions Should(this ClassifiedInstruction instruction) => new(instruction);

    public static ReplayAssertions Should(this Replay witness) => new(witness);

    /// <summary>Every one of the bits of EFLAGS is set in a register.</summary>
    public static AndConstraint<NumericAssertions<uint>> HaveFlag(this NumericAssertions<uint> register, Flags flags, string because = "", params object[] becauseArgs)
    {
        Check(register, flags, flags, "have", because, becauseArgs);
        return new AndConstraint<NumericAssertions<uint>>(register);
    }

    /// <summary>None of the bits of EFLAGS is set in a register.</summary>
    public static AndConstraint<NumericAssertions<uint>> NotHaveFlag(this NumericAssertions<uint> register, Flags flags, string because = "", params object[] becauseArgs)
    {
        Check(register, flags, Flags.None, "not have", because, becauseArgs);
        return new AndConstraint<NumericAssertions<uint>>(register);
    }

    private static void Check(NumericAssertions<uint> register, Flags mask, Flags expected, string verb, string because, object[] becauseArgs)
    {
        uint value = register.Subject ?? 0;
        Execute.Assertion.ForCondition(((Flags)value & mask) == expected).BecauseOf(because, becauseArgs)
            .FailWith($"Expected {{context:register}} to {verb} {mask}{{reason}}, but found {value:X8}h.");
    }
}
