using System.Text;

namespace Harness.Cli;

/// <summary>Everything a command knows of the world outside, so that tests can give it another.</summary>
public sealed class CommandEnvironment : IDisposable
{
    /// <summary>An environment that writes to these streams, which stay the caller's.</summary>
    public CommandEnvironment(Stream output, Stream error, string workingFolder)
    {
        Output = output;
        Out = Writer(output);
        Error = TextWriter.Synchronized(Writer(error));
        WorkingFolder = workingFolder;
    }

    /// <summary>Standard output, for bytes.</summary>
    public Stream Output { get; }

    /// <summary>Standard output, for results. Flushed at every write: nothing is lost when the process ends early.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error, for progress, logs and complaints, also of several threads.</summary>
    public TextWriter Error { get; }

    /// <summary>Full path that relative paths count from.</summary>
    public string WorkingFolder { get; }

    /// <summary>Standard input.</summary>
    public Stream Input { get; init; } = Stream.Null;

    /// <summary>Reads an environment variable; null when it is not set.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>Standard output is a terminal.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Characters to a line of the terminal.</summary>
    public int Width { get; init; }

    /// <summary>What can be chosen by name.</summary>
    public Catalog Catalog { get; init; } = Catalog.BuiltIn;

    /// <summary>Set when the user gives up.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Escape codes for colours are welcome on standard output.</summary>
    public bool Colours => IsTerminal && string.IsNullOrEmpty(Variable("NO_COLOR"));

    /// <summary>This runs under continuous integration, where nobody reviews.</summary>
    public bool IsAutomated => string.Equals(Variable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>A path given by the user in full.</summary>
    public string FullPath(string path) => Path.GetFullPath(path, WorkingFolder);

    /// <inheritdoc/>
    public void Dispose()
    {
        Out.Dispose();
        Error.Dispose();
    }

    private static StreamWriter Writer(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { AutoFlush = true, NewLine = "\n" };
}
