using System.Text;

namespace Harness.Cli.Output;

/// <summary>Where a guest's output goes while it runs, and the text that ends the run.</summary>
/// <param name="environment">Has standard output.</param>
/// <param name="until">The text; null: none.</param>
/// <param name="files">What each port's bytes go to; - is standard output.</param>
/// <param name="screen">What the text on the screen goes to at the end; null: nowhere.</param>
internal sealed class BootOutputs(CommandEnvironment environment, string? until, SortedDictionary<ushort, string> files, string? screen) : IDisposable
{
    private readonly byte[]? _until = until is null ? null : Encoding.UTF8.GetBytes(until);
    private readonly SortedDictionary<ushort, FileStream?> _streams = [];
    private readonly SortedDictionary<ushort, byte[]> _recent = [];
    private byte _lastOnOutput = (byte)'\n';

    public bool HasMatched { get; private set; }

    public IReadOnlyCollection<ushort> Ports => files.Keys;

    /// <summary>Creates the files.</summary>
    /// <exception cref="IOException">One cannot be written; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public void Open()
    {
        foreach (var (port, file) in files)
        {
            _streams[port] = file == "-" ? null : new FileStream(environment.FullPath(file), FileMode.Create, FileAccess.Write, FileShare.Read);
        }
    }

    /// <summary>Takes a byte; true: the text has come.</summary>
    public bool Write(ushort port, byte value)
    {
        if (_streams.TryGetValue(port, out var file))
        {
            (file ?? environment.Output).WriteByte(value);
            if (file is null)
            {
                _lastOnOutput = value;
                if (value == '\n')
                {
                    environment.Output.Flush();
                }
            }
        }

        return _until is not null && Matches(port, value);
    }

    /// <summary>Writes what is left, and the text on the screen.</summary>
    /// <exception cref="IOException">It cannot be written; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public void Close(string screenText)
    {
        environment.Output.Flush();
        foreach (var file in _streams.Values)
        {
            file?.Flush();
        }

        // What the guest sent stays as it is; only what follows on a terminal starts a line.
        if (_lastOnOutput != '\n')
        {
            environment.Error.WriteLine();
        }

        if (screen == "-")
        {
            environment.Out.Write(screenText + "\n");
        }
        else if (screen is not null)
        {
            WholeFile.Write(environment.FullPath(screen), screenText + "\n");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _streams.Values)
        {
            file?.Dispose();
        }
    }

    // The last bytes of a port, as many as the text has.
    private bool Matches(ushort port, byte value)
    {
        if (!_recent.TryGetValue(port, out var recent))
        {
            _recent[port] = recent = new byte[_until!.Length];
        }

        recent.AsSpan(1).CopyTo(recent);
        recent[^1] = value;
        HasMatched |= recent.AsSpan().SequenceEqual(_until);
        return HasMatched;
    }
}
