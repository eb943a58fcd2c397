using System.Text;
using Harness.Records;

namespace Harness.Scripting;

/// <summary>
/// A script's text with that of everything it loads, and what it references: all that decides the compiled result besides the compiler, found
/// without the compiler. Directives are found line by line, so one inside a string counts too; that costs at most a needless recompilation.
/// </summary>
internal sealed class ScriptSources
{
    // The compiler's parser recurses, and a stack that overflows ends the process.
    private const int MostBrackets = 1_000;

    private readonly List<(string Path, string? Text)> _loads = [];
    private readonly List<(string Directive, string BaseFolder)> _references = [];

    private ScriptSources(string path, string text)
    {
        Path = path;
        Text = text;
    }

    /// <summary>Full path of the script.</summary>
    public string Path { get; }

    /// <summary>The script's own text.</summary>
    public string Text { get; }

    /// <summary>Full paths of the script and of its includes.</summary>
    public IReadOnlyList<string> Files => [Path, .. _loads.Select(l => l.Path)];

    /// <summary>Reads a script and its includes.</summary>
    /// <exception cref="IOException">The script itself cannot be read; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public static ScriptSources Read(string path)
    {
        var sources = new ScriptSources(path, ReadText(path));
        sources.Scan(path, sources.Text);
        return sources;
    }

    /// <summary>
    /// The references to assemblies: each the full path of a file outside the application, or the simple name of one of the application's own.
    /// </summary>
    public IEnumerable<ScriptReference> References => _references.Select(r => ScriptReference.Resolve(r.Directive, r.BaseFolder));

    /// <summary>Appends everything here to the text that a cached compilation is recognized by.</summary>
    public void AppendKey(StringBuilder key)
    {
        Append("script", Path, Text);
        foreach (var (path, text) in _loads)
        {
            Append("load", path, text ?? "");
        }

        foreach (var reference in References)
        {
            reference.AppendKey(key);
        }

        void Append(string kind, string path, string text) => key.Append(kind).Append(' ').Append(path).Append(' ').Append(text.Length).Append('\n').Append(text).Append('\n');
    }

    /// <summary>Where brackets nest deeper than <see cref="MostBrackets"/>; null: nowhere. Those in strings and comments count too.</summary>
    public ScriptDiagnostic? TooDeep => _loads.Prepend((Path, Text)).Select(f => f.Text is null ? null : FindTooDeep(f.Path, f.Text)).FirstOrDefault(d => d is not null);

    private static ScriptDiagnostic? FindTooDeep(string path, string text)
    {
        var (depth, line, start) = (0, 1, 0);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '(' or '[' or '{' when ++depth > MostBrackets:
                    return new ScriptDiagnostic(
                        path, line, i - start + 1, ScriptDiagnostic.Declaration, System.FormattableString.Invariant($"brackets nest deeper than {MostBrackets}, which the compiler cannot read; those in strings and comments count too"));
                case ')' or ']' or '}' when depth > 0:
                    depth--;
                    break;
                case '\n':
                    (line, start) = (line + 1, i + 1);
                    break;
            }
        }

        return null;
    }

    private void Scan(string path, string text)
    {
        var folder = System.IO.Path.GetDirectoryName(path)!;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var rest = line.TrimStart();
            if (rest.Length == 0 || rest[0] != '#')
            {
                continue;
            }

            rest = rest[1..].TrimStart();
            if (Operand(rest, "load") is { } load)
            {
                Load(System.IO.Path.GetFullPath(load, folder));
            }
            else if (Operand(rest, "r") is { } reference)
            {
                _references.Add((reference, folder));
            }
        }
    }

    private static string ReadText(string path)
    {
        RegularFile.Expect(path);
        return File.ReadAllText(path);
    }

    private void Load(string path)
    {
        if (path == Path || _loads.Exists(l => l.Path == path))
        {
            return;
        }

        string? text;
        try
        {
            text = ReadText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            text = null; // The compiler reports it, at the directive.
        }

        _loads.Add((path, text));
        if (text is not null)
        {
            Scan(path, text);
        }
    }

    private static string? Operand(ReadOnlySpan<char> directive, string name)
    {
        if (!directive.StartsWith(name, StringComparison.Ordinal))
        {
            return null;
        }

        var quoted = directive[name.Length..].TrimStart();
        if (quoted.Length < 2 || quoted[0] != '"')
        {
            return null;
        }

        var end = quoted[1..].IndexOf('"');
        return end < 1 ? null : quoted.Slice(1, end).ToString();
    }
}
