namespace Harness.Cli.Output;

/// <summary>Files that are there whole or not at all, also when the disk is full.</summary>
internal static class WholeFile
{
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
