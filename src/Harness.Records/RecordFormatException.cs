namespace Harness.Records;

/// <summary>A file of records that cannot be understood: what was expected, found and where.</summary>
public sealed class RecordFormatException : FormatException
{
    internal RecordFormatException(string file, int line, string problem)
        : base($"{file}({line}): {problem}")
    {
        File = file;
        Line = line;
    }

    /// <summary>The file as the caller named it.</summary>
    public string File { get; }

    /// <summary>The damaged line, from 1.</summary>
    public int Line { get; }
}
