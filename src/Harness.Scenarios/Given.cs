using System.Diagnostics.CodeAnalysis;

namespace Harness.Scenarios;

/// <summary>Checks of what a script passes.</summary>
internal static class Given
{
    /// <summary>What belongs in the place of code.</summary>
    public const string Code = "code such as a => { a.nop(); }";

    /// <summary>Refuses null in words that help a script's author.</summary>
    /// <param name="value">The argument.</param>
    /// <param name="expected">What belongs there.</param>
    /// <param name="name">Filled in by the compiler.</param>
    /// <exception cref="ArgumentNullException">It is null.</exception>
    public static void NotNull([NotNull] object? value, string expected, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is null)
        {
            throw new ArgumentNullException(name, $"expected {expected}; found null");
        }
    }
}
