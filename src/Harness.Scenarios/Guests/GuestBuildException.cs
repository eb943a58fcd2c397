namespace Harness.Scenarios;

/// <summary>A guest cannot be built from what a script or a file says. The message names what was expected, what was found, and where.</summary>
public sealed class GuestBuildException : Exception
{
    public GuestBuildException()
    {
    }

    public GuestBuildException(string message)
        : base(message)
    {
    }

    public GuestBuildException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
