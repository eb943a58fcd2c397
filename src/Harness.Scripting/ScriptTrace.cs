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
    public static string Describe(Exception exception) => $"{exception.GetType().Name}: {Message(exception)}";

    /// <summary>The message of an exception, whose getter may be a script's own code.</summary>
    public static string Message(Exception exception)
    {
        try
        {
            return exception.Message ?? "";
        }
        catch (Exception e)
        {
            return $"its Message cannot be had: that throws {e.GetType().Name}";
        }
    }
}
