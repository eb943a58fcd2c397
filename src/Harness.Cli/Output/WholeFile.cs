namespace Harness.Cli.Output;

/// <summary>Files that are there whole or not at all, also when the disk is full.</summary>
internal static class WholeFile
{
    /// <summary>Writes a text to where an option says, and makes the folders above it.</summary>
    /// <param name="option">Names it.</param>
    /// <param name="given">The path as the user gave it.</param>
    /// <param name="path">The same in full.</param>
    /// <param name="text">All of it.</param>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public static void Write(string option, string given, string path, string text)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            Write(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The system's words may name the temporary file, or a folder above.
            throw new CommandException(ExitCode.Environment, $"{option}: {Trouble(path, e)}: {given}");
        }
    }

    /// <summary>Writes a text and replaces the file there is. A link, an empty file, a pipe or a device is written in place: a rename would replace it.</summary>
    public static void Write(string path, string text)
    {
        if (new FileInfo(path) is { Exists: true } file && (file.Length == 0 || file.LinkTarget is not null))
        {
            File.WriteAllText(path, text);
            return;
        }

        Write(path, text, overwrite: true);
    }

    /// <summary>Writes a new file.</summary>
    /// <exception cref="IOException">There is one; or it cannot be written, see also <see cref="UnauthorizedAccessException"/>.</exception>
    public static void WriteNew(string path, string text) => Write(path, text, overwrite: false);

    private static string Trouble(string path, Exception exception)
    {
        for (var above = Path.GetDirectoryName(path); above is not null; above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above))
            {
                return $"expected a folder, found a file ({Path.GetFileName(above)})";
            }
        }

        return "expected a file that can be written, " + exception switch
        {
            _ when Directory.Exists(path) => "found a folder",
            FileNotFoundException or DirectoryNotFoundException => "found a folder that takes no files",
            UnauthorizedAccessException => "found that access is denied",
            PathTooLongException => "found a path that is too long",
            _ => "found that the system does not write it (is the disk full?)",
        };
    }

    private static void Write(string path, string text, bool overwrite)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, path, overwrite);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
