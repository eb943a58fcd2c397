using System.Formats.Tar;

namespace Harness.Records;

/// <summary>Files that can be read to their end: opening a pipe may wait for ever, and a device may have bytes without end.</summary>
public static class RegularFile
{
    /// <summary>Refuses, without opening it, what is there and no regular file.</summary>
    /// <exception cref="IrregularFileException">A pipe, a socket or a device.</exception>
    /// <exception cref="IOException">The links to it have no end.</exception>
    public static void Expect(string path)
    {
        var file = new FileInfo(path);
        var target = file.ResolveLinkTarget(returnFinalTarget: true) is { } end ? new FileInfo(end.FullName) : file;

        // Only what has no length can be anything else.
        if (target.Exists && target.Length == 0 && !IsRegular(target.FullName))
        {
            throw new IrregularFileException();
        }
    }

    /// <summary>Why a file cannot be read, in words that do not depend on the system and its language.</summary>
    public static string Trouble(string path, Exception exception) => exception switch
    {
        IrregularFileException => exception.Message,
        _ when Directory.Exists(path) => "expected a file, found a folder",
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        UnauthorizedAccessException => "access is denied",
        PathTooLongException => "its path is too long",
        _ when new FileInfo(path).LinkTarget is not null => "it is a link that leads to no file",
        _ => "the system cannot read it, or it is too large",
    };

    // The base library tells kinds of files apart where it archives them, and nowhere else; it does not open what is not regular.
    private static bool IsRegular(string path)
    {
        using var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, leaveOpen: true))
        {
            try
            {
                writer.WriteEntry(path, "file");
            }
            catch (IOException)
            {
                return false; // A socket has no place in an archive.
            }
        }

        archive.Position = 0;
        using var reader = new TarReader(archive);
        return reader.GetNextEntry()?.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile;
    }
}

/// <summary>A pipe, a socket or a device where a file is expected.</summary>
public sealed class IrregularFileException() : IOException("expected a regular file, found a pipe, a socket or a device");
