using System.Diagnostics;

namespace Harness.Scripting;

/// <summary>Says where in a script, and why, an exception was thrown.</summary>
public static class ScriptTrace
{
    /// <summary>The innermost frame of the exception in a file below <paramref name="folder"/> or with the extension of scripts; null without one.</summary>
    public static (string File, int Line)? Locate(Exception exception, string folder)
    {
        foreach (var frame in new StackTrace(exception, fNeedFileInfo: true).GetFrames())
        {
            if (frame.GetFileName() is { } file && (file.EndsWith(".csx", StringComparison.OrdinalIgnoreCase) || file.StartsWith(folder, StringComparison.Ordinal)))
            {
                return (file, frame.GetFileLineNumber());
            }
        }

        return null;
    }

    /// <summary>Type and message of an exception, without the host's stack.</summary>
    public static string Describe(Exception exception) => $"{exception.GetType().Name}: {exception.Message}";
}
