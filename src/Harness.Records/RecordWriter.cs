using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Harness.Records;

/// <summary>
/// Writes records as JSON lines: LF, ASCII, fields in declared order. Every record is flushed as one whole line, so that a stop loses none.
/// One caller at a time.
/// </summary>
public sealed class RecordWriter : IDisposable
{
    private const string Early = ".early";

    private readonly Stream _stream;
    private readonly string? _path;
    private readonly FileStream? _file;
    private FileStream? _early;
    private bool _disposed;
    private bool _damaged;

    private RecordWriter(Stream stream, string? path, FileStream? file)
    {
        _stream = stream;
        _path = path;
        _file = file;
    }

    /// <summary>
    /// Writes to a temporary file next to <paramref name="path"/>, which takes its place when the writer is disposed. A process that is
    /// killed leaves the complete lines in the temporary file, and so does one that cannot write on. A link, an empty file,
    /// a pipe or a device is written in place: a rename would replace it.
    /// </summary>
    /// <exception cref="IOException">The file cannot be created; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public static RecordWriter Create(string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } directory)
        {
            Directory.CreateDirectory(directory);
        }

        if (Directory.Exists(path))
        {
            throw new IOException($"expected a file, found a folder: {path}");
        }

        // Pipes and devices have no length. On Unix only FileShare.None locks out a second writer.
        var inPlace = new FileInfo(path) is { Exists: true } file && (file.Length == 0 || file.LinkTarget is not null);

        // Without a buffer: what could not be written is not tried again at the end.
        var stream = inPlace
            ? new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0)
            : new FileStream(Temporary(path), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        return new(stream, inPlace ? null : path, stream);
    }

    /// <summary>Writes to a stream that stays the caller's, such as standard output.</summary>
    public static RecordWriter To(Stream stream) => new(stream, null, null);

    /// <summary>The record as one line of JSON, without line end.</summary>
    public static string Line(RunRecord record) => JsonSerializer.Serialize(record, RecordJson.Default.RunRecord);

    /// <summary>The row as one line of JSON, without line end.</summary>
    public static string Line(MatrixRecord row) => JsonSerializer.Serialize(row, RecordJson.Default.MatrixRecord);

    /// <summary>Appends one run record.</summary>
    public void Write(RunRecord record) => Write(record, RecordJson.Default.RunRecord);

    /// <summary>Appends one timing.</summary>
    public void Write(TimingRecord timing) => Write(timing, RecordJson.Default.TimingRecord);

    /// <summary>
    /// Keeps a record whose turn has not come: a process that dies leaves it in another file, FILE.early.partial. When its turn comes, it is written like any other.
    /// Nothing is kept where records are written in place.
    /// </summary>
    public void WriteEarly(RunRecord record)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_path is not null)
        {
            // Deleted by the process that closes it; one that dies does not.
            _early ??= new FileStream(
                Temporary(_path + Early), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.DeleteOnClose);
            try
            {
                _early.Write(Encoding.UTF8.GetBytes(Line(record) + "\n"));
            }
            catch (IOException)
            {
                _damaged = true;
                throw;
            }
        }
    }

    /// <summary>Gives a file its name, unless a record could not be written; leaves a stream open.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _file?.Dispose();
        _early?.Dispose();
        if (_path is not null && !_damaged)
        {
            File.Move(Temporary(_path), _path, overwrite: true);
        }
    }

    private static string Temporary(string path) => path + ".partial";

    private void Write<T>(T value, JsonTypeInfo<T> type)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(value, type) + "\n");
        var whole = _file is { CanSeek: true } ? _file.Position : 0;
        try
        {
            _stream.Write(line);
            _stream.Flush();
        }
        catch (IOException e) when (_file is { CanSeek: true } file)
        {
            _damaged = true;
            file.SetLength(whole);
            throw new IOException($"{e.Message}; the records before are in {file.Name}", e);
        }
    }
}
