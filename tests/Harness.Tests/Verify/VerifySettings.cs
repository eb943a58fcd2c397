namespace VerifyTests;

/// <summary>Where the files of one verification are and what they are called.</summary>
public sealed class VerifySettings
{
    internal string? Directory { get; private set; }

    internal string? FileName { get; private set; }

    internal object?[]? Parameters { get; private set; }

    /// <summary>A folder, relative to that of the calling source file.</summary>
    public void UseDirectory(string directory) => Directory = directory;

    /// <summary>The file name before ".verified.txt", instead of that of type, method and parameters.</summary>
    public void UseFileName(string fileName)
    {
        if (Parameters is not null)
        {
            throw new VerifyException("UseFileName is not compatible with UseParameters.");
        }

        FileName = fileName;
    }

    /// <summary>The values of the method's parameters, instead of those that the test runner knows.</summary>
    public void UseParameters(params object?[] parameters)
    {
        if (FileName is not null)
        {
            throw new VerifyException("UseParameters is not compatible with UseFileName.");
        }

        Parameters = parameters;
    }
}
