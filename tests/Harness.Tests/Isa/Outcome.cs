using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>What an instruction leaves: its results (null: undefined), the status flags, and which of them the manual leaves undefined.</summary>
public readonly record struct Outcome(ulong? Result, uint Status, uint Undefined, ulong? Second = null)
{
    /// <summary>Fails unless the actual outcome is this one in all that is defined, and leaves the same flags undefined.</summary>
    public void ShouldEqual(Outcome actual, FormattableString what)
    {
        bool same = (Result is null || Result == actual.Result) && Second == actual.Second
            && Undefined == actual.Undefined && ((Status ^ actual.Status) & ~Undefined) == 0;
        if (!same)
        {
            Assert.Fail($"{FormattableString.Invariant(what)}: expected {Describe()}, found {actual.Describe()}");
        }
    }

    private string Describe() => FormattableString.Invariant($"{Result:X}, second {Second:X}, status {Status:X3}, undefined {Undefined:X3}");
}
