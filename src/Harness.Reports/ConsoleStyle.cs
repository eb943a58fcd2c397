namespace Harness.Reports;

/// <summary>How to write to a console.</summary>
/// <param name="Colour">Whether escape codes may be used.</param>
/// <param name="Width">Characters to a line, at least 40.</param>
public sealed record ConsoleStyle(bool Colour, int Width)
{
    private const int Narrowest = 40;

    /// <summary>For files and pipes: no escape codes, lines as long as they are.</summary>
    public static ConsoleStyle Plain { get; } = new(false, 1000);

    /// <summary>
    /// For standard output: plain unless it is a terminal; without colour when NO_COLOR is set to anything but the empty string
    /// (no-color.org).
    /// </summary>
    public static ConsoleStyle For(bool isTerminal, string? noColor, int width) =>
        isTerminal ? new(string.IsNullOrEmpty(noColor), Math.Max(Narrowest, width)) : Plain;
}
