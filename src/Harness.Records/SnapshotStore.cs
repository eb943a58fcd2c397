using System.Globalization;
using System.Text;

namespace Harness.Records;

/// <summary>How a scenario, or a file, stands to the folder of snapshots.</summary>
public enum SnapshotStatus
{
    /// <summary>The same text.</summary>
    Equal,

    /// <summary>No snapshot yet; the received text lies beside its place.</summary>
    New,

    /// <summary>Another text, or a file that is not in canonical form; the received text lies beside it.</summary>
    Changed,

    /// <summary>A snapshot that no scenario makes.</summary>
    Orphaned,

    /// <summary>The snapshot is no text of a snapshot: not UTF-8, or far too long; the received text lies beside it.</summary>
    Damaged,

    /// <summary>A file could not be read or written: an error of the environment, not of the scenario.</summary>
    Inaccessible,
}

/// <summary>One comparison.</summary>
/// <param name="Scenario">Id of the scenario.</param>
/// <param name="Status">Its result.</param>
/// <param name="VerifiedPath">Where the snapshot is or would be.</param>
/// <param name="Diff">Lines prefixed with two blanks, "- " (verified) or "+ " (received), "..." where equal lines are left out.</param>
/// <param name="Message">What is wrong and what to do; empty when Equal.</param>
public sealed record SnapshotComparison(
    string Scenario, SnapshotStatus Status, string VerifiedPath, IReadOnlyList<string> Diff, string Message)
{
    /// <summary>The status as records state it.</summary>
    public SnapshotVerdict Verdict => Status switch
    {
        SnapshotStatus.Equal => SnapshotVerdict.Equal,
        SnapshotStatus.New => SnapshotVerdict.New,
        SnapshotStatus.Changed or SnapshotStatus.Damaged or SnapshotStatus.Orphaned => SnapshotVerdict.Changed,
        _ => SnapshotVerdict.None,
    };
}

/// <summary>
/// The reviewed texts of a folder: [root]/[scenario id].verified.txt, beside it .received.txt while they differ. UTF-8 with byte order mark,
/// LF, no final newline. Trouble with files is a value of status <see cref="SnapshotStatus.Inaccessible"/>.
/// </summary>
public sealed class SnapshotStore(string root)
{
    private const string VerifiedSuffix = ".verified.txt";
    private const string ReceivedSuffix = ".received.txt";

    // A text has at most SnapshotText.MaximumLines lines; a larger file is something else.
    private const int MaximumBytes = 1 << 20;

    // Throws on bytes that are no UTF-8, and writes the byte order mark.
    private static readonly UTF8Encoding _encoding = new(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true);

    /// <summary>The text of a parameter as it may stand in an id: characters that file names cannot hold become '-'.</summary>
    public static string Clean(string value) => string.Concat(value.Select(c => char.IsControl(c) || "\"\\<>|:*?/#".Contains(c) ? '-' : c));

    /// <summary>Deletes the received text of a scenario whose run has given no result, so that nobody accepts an earlier run's.</summary>
    public void Discard(string scenario) => Guard(scenario, verified =>
    {
        if (File.Exists(ReceivedPath(scenario)))
        {
            File.Delete(ReceivedPath(scenario));
        }

        return new(scenario, SnapshotStatus.Equal, verified, [], "");
    });

    /// <summary>
    /// Compares the results of a scenario with its snapshot, and writes or deletes the received text. When <paramref name="narrowed"/>, only the
    /// sections of the runs in <paramref name="content"/> are compared, and the received text holds the others as they were verified.
    /// </summary>
    public SnapshotComparison Compare(SnapshotContent content, bool narrowed) => Guard(content.Scenario, verified =>
    {
        var received = ReceivedPath(content.Scenario);
        if (File.Exists(received))
        {
            File.Delete(received);
        }

        if (!Exists(verified))
        {
            var fresh = SnapshotText.Render(content);
            WriteAtomically(received, fresh);
            return new(content.Scenario, SnapshotStatus.New, verified, [], "There is no snapshot yet: review the received text and accept it.");
        }

        var old = Load(verified);
        var text = narrowed && old.Problem is null ? SnapshotText.RenderInto(content, old.Text) : SnapshotText.Render(content);
        var comparison = Judge(content.Scenario, verified, old, text);
        if (comparison.Status != SnapshotStatus.Equal)
        {
            WriteAtomically(received, text);
        }

        return comparison;
    });

    /// <summary>The ids of scenarios with a received text, in ordinal order.</summary>
    /// <exception cref="IOException">The folder cannot be read; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public IReadOnlyList<string> Pending() => Ids(ReceivedSuffix);

    /// <summary>Compares a received text, as it lies there, with the snapshot.</summary>
    public SnapshotComparison Review(string scenario) => Guard(scenario, verified =>
    {
        var received = Load(ReceivedPath(scenario));
        if (received.Problem is { } problem)
        {
            return new(scenario, SnapshotStatus.Damaged, verified, [], problem);
        }

        return Exists(verified)
            ? Judge(scenario, verified, Load(verified), received.Text)
            : new(scenario, SnapshotStatus.New, verified, SnapshotText.Diff("", received.Text), "There is no snapshot yet.");
    });

    /// <summary>
    /// Makes the received text the snapshot, in canonical form and in one step: <see cref="SnapshotStatus.Equal"/> when done. A received text that
    /// is no UTF-8 is refused as <see cref="SnapshotStatus.Damaged"/>.
    /// </summary>
    public SnapshotComparison Accept(string scenario) => Guard(scenario, verified =>
    {
        var received = Load(ReceivedPath(scenario));
        if (received.Problem is { } problem)
        {
            return new(scenario, SnapshotStatus.Damaged, verified, [], problem);
        }

        Exists(verified);
        WriteAtomically(verified, received.Text);
        File.Delete(ReceivedPath(scenario));
        return new(scenario, SnapshotStatus.Equal, verified, [], "");
    });

    /// <summary>The snapshots that none of these scenarios makes, in ordinal order.</summary>
    /// <exception cref="IOException">The folder cannot be read; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public IReadOnlyList<SnapshotComparison> Orphans(IEnumerable<string> scenarios)
    {
        var known = scenarios.ToHashSet(StringComparer.Ordinal);
        return
        [
            .. Ids(VerifiedSuffix).Where(id => !known.Contains(id)).Select(id => new SnapshotComparison(
                id, SnapshotStatus.Orphaned, PathOf(id, VerifiedSuffix), [], "No scenario makes this snapshot: delete it, or rename it with its scenario.")),
        ];
    }

    /// <summary>Where the received text of a scenario is or would be.</summary>
    /// <exception cref="ArgumentException">The id leads out of the folder or cannot be a file name.</exception>
    public string ReceivedPath(string scenario) => PathOf(scenario, ReceivedSuffix);

    private static SnapshotComparison Judge(string scenario, string verified, Loaded old, string text)
    {
        if (old.Problem is { } problem)
        {
            return new(scenario, SnapshotStatus.Damaged, verified, [], problem);
        }

        if (old.Text != text)
        {
            return new(
                scenario, SnapshotStatus.Changed, verified, SnapshotText.Diff(old.Text, text), "The result differs: review and accept it, or mend the cause.");
        }

        return old.Form is { } form
            ? new(scenario, SnapshotStatus.Changed, verified, [], $"The text is the same, but the file {form}: accept to rewrite it.")
            : new(scenario, SnapshotStatus.Equal, verified, [], "");
    }

    private static bool Exists(string path) => Directory.Exists(path) ? throw new IOException($"expected a file, found a folder: {path}") : File.Exists(path);

    private static Loaded Load(string path)
    {
        if (new FileInfo(path).Length is > MaximumBytes and var length)
        {
            return new("", null, $"expected a text of at most {MaximumBytes} bytes, found {length} in {path}: restore the file or accept the received text.");
        }

        var bytes = File.ReadAllBytes(path);
        var marked = bytes.AsSpan().StartsWith(_encoding.Preamble);
        string text;
        try
        {
            text = _encoding.GetString(bytes, marked ? 3 : 0, bytes.Length - (marked ? 3 : 0));
        }
        catch (DecoderFallbackException e)
        {
            var offset = e.Index + (marked ? 3 : 0);
            return new("", null, $"expected UTF-8, found other bytes at offset {offset} of {path}: restore the file or accept the received text.");
        }

        // A checkout may have changed the line ends; that is no difference.
        text = Printable.Normalize(text);
        if (text.EndsWith('\n'))
        {
            return new(text[..^1], "ends in a newline", null);
        }

        return new(text, marked ? null : "has no byte order mark", null);
    }

    private static void WriteAtomically(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);

        // Another process may write the same text at the same time.
        var temporary = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}.tmp");
        try
        {
            File.WriteAllText(temporary, text, _encoding);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private SnapshotComparison Guard(string scenario, Func<string, SnapshotComparison> action)
    {
        var verified = PathOf(scenario, VerifiedSuffix);
        try
        {
            return action(verified);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(scenario, SnapshotStatus.Inaccessible, verified, [], $"The snapshot cannot be read or written: {e.Message}");
        }
    }

    private string PathOf(string scenario, string suffix)
    {
        var segments = scenario.Split('/');
        return segments.All(segment => segment.Length > 0 && segment is not ("." or "..") && Clean(segment) == segment)
            ? Path.Combine(root, Path.Combine(segments) + suffix)
            : throw new ArgumentException($"Expected an id of the form topic/file, found '{Printable.Escape(scenario)}'.", nameof(scenario));
    }

    private List<string> Ids(string suffix)
    {
        if (!Directory.Exists(root))
        {
            return [];
        }

        return Directory.EnumerateFiles(root, "*" + suffix, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path)[..^suffix.Length].Replace(Path.DirectorySeparatorChar, '/'))
            .Order(StringComparer.Ordinal)
            .ToList();
    }

    // Text with LF; Form says in what harmless way the file is not canonical, Problem why it cannot be read.
    private readonly record struct Loaded(string Text, string? Form, string? Problem);
}
