using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Harness.Scripting;

/// <summary>A compiled script: an assembly and its portable symbols.</summary>
internal sealed record ScriptImage(byte[] Assembly, byte[] Symbols);

/// <summary>
/// Compiled scripts on disk, one file each: magic, checksum of the rest, then key, assembly and symbols, each with its length. The whole key is
/// compared, so two keys never meet. Whatever is wrong with an entry, it is as if it were not there; a folder that cannot be written holds none.
/// </summary>
public sealed class ScriptCache
{
    private const ulong Magic = 0x3148435352415248;
    private const int HeaderLength = 16;
    private const int EntriesPerScript = 4;

    private readonly string? _folder;

    /// <summary>A cache in <paramref name="folder"/>, which need not exist; null holds nothing.</summary>
    public ScriptCache(string? folder)
    {
        _folder = folder;
    }

    /// <summary>
    /// The user's cache folder: <c>HARNESS_CACHE</c>, else <c>harness</c> below <c>XDG_CACHE_HOME</c> or the local application data; null for
    /// a user who has none of them.
    /// </summary>
    /// <param name="environment">Reads an environment variable; null when it is not set.</param>
    public static string? DefaultFolder(Func<string, string?> environment)
    {
        if (environment("HARNESS_CACHE") is { Length: > 0 } own)
        {
            return own;
        }

        var parent = environment("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return parent.Length == 0 ? null : Path.Combine(parent, "harness");
    }

    internal ScriptImage? Find(string script, byte[] key)
    {
        if (_folder is null)
        {
            return null;
        }

        byte[] entry;
        try
        {
            var path = FileOf(_folder, script, key);
            if (!File.Exists(path))
            {
                return null;
            }

            entry = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        if (entry.Length < HeaderLength || BinaryPrimitives.ReadUInt64LittleEndian(entry) != Magic
            || BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(8)) != Checksum.Of(entry.AsSpan(HeaderLength)))
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(entry, HeaderLength, entry.Length - HeaderLength));
        return Part().AsSpan().SequenceEqual(key) ? new ScriptImage(Part(), Part()) : null;

        byte[] Part() => reader.ReadBytes(reader.ReadInt32());
    }

    internal void Store(string script, byte[] key, ScriptImage image)
    {
        if (_folder is null)
        {
            return;
        }

        var content = new MemoryStream();
        using var writer = new BinaryWriter(content);
        writer.Write(Magic);
        writer.Write(0UL);
        Part(key);
        Part(image.Assembly);
        Part(image.Symbols);
        var entry = content.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(8), Checksum.Of(entry.AsSpan(HeaderLength)));
        try
        {
            Directory.CreateDirectory(_folder);
            var path = FileOf(_folder, script, key);
            var temporary = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
            File.WriteAllBytes(temporary, entry);
            File.Move(temporary, path, overwrite: true);
            Prune(_folder, script);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing depends on the entry: the next run compiles again.
        }

        void Part(byte[] bytes)
        {
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }

    private static void Prune(string folder, string script)
    {
        var entries = new DirectoryInfo(folder).GetFiles(ScriptPart(script) + "-*.script");
        foreach (var old in entries.OrderByDescending(e => e.LastWriteTimeUtc).Skip(EntriesPerScript))
        {
            old.Delete();
        }
    }

    private static string FileOf(string folder, string script, byte[] key) =>
        Path.Combine(folder, $"{ScriptPart(script)}-{Checksum.Of(key).ToString("x16", CultureInfo.InvariantCulture)}.script");

    private static string ScriptPart(string script) => Checksum.Of(Encoding.UTF8.GetBytes(script)).ToString("x16", CultureInfo.InvariantCulture);
}
