namespace Harness.Cli;

/// <summary>What the process returns.</summary>
internal static class ExitCode
{
    /// <summary>Every scenario passed or was not applicable, and every snapshot is Equal.</summary>
    public const int Success = 0;

    /// <summary>The environment failed: I/O, permission.</summary>
    public const int Environment = 1;

    /// <summary>A scenario failed, threw or hit a limit unasked, or a snapshot is not Equal.</summary>
    public const int Failed = 2;

    /// <summary>The user gave up.</summary>
    public const int Cancelled = 3;

    /// <summary>Bad arguments, duplicate ids, unreadable input, or a script that does not compile.</summary>
    public const int Usage = 5;

    /// <summary>A defect of the harness.</summary>
    public const int Defect = 7;

    /// <summary>Nothing matched.</summary>
    public const int NothingMatched = 8;
}

/// <summary>Ends a command with a message on standard error.</summary>
/// <param name="code">One of <see cref="ExitCode"/>.</param>
/// <param name="message">What was expected, what was found, what to do.</param>
internal sealed class CommandException(int code, string message) : Exception(message)
{
    /// <summary>What the process returns.</summary>
    public int Code { get; } = code;
}
