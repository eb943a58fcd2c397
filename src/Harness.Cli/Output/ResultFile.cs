using System.CommandLine;

namespace Harness.Cli.Output;

/// <summary>Where <c>--out</c> sends the result of a long experiment: checked before it, written whole after it.</summary>
internal sealed class ResultFile
{
    private const string Name = "--out";

    private readonly CommandEnvironment _environment;
    private readonly string? _given;
    private readonly string? _path;

    /// <param name="environment">Has standard output.</param>
    /// <param name="given">What the user gave; null or -: standard output.</param>
    /// <param name="cpu">The processor model of the experiment: a name or a file.</param>
    /// <param name="isScript">The result is a script.</param>
    /// <exception cref="CommandException">It cannot be a file, or is another's.</exception>
    public ResultFile(CommandEnvironment environment, string? given, string cpu, bool isScript = false)
    {
        _environment = environment;
        if (given is null or "-")
        {
            return;
        }

        _given = given;
        _path = environment.FullPath(given);
        if (Path.EndsInDirectorySeparator(given) || Directory.Exists(_path))
        {
            throw new CommandException(ExitCode.Usage, $"{Name}: expected a file, found a folder: {given}");
        }

        var roles = new FileRoles(environment);
        roles.ReadsModel(cpu);
        roles.Writes(Name, given, isScript);
    }

    public bool IsFile => _path is not null;

    public static Option<string?> Option() => PathOptions.One(Name, "Write the result there instead of to standard output");

    /// <summary>The path of another file as seen from the folder of this one; on standard output from the working folder, as it was given.</summary>
    public string Seen(string path) => _path is null ? path : Path.GetRelativePath(Path.GetDirectoryName(_path)!, _environment.FullPath(path)).Replace(Path.DirectorySeparatorChar, '/');

    /// <exception cref="CommandException">The file cannot be written.</exception>
    public void Write(string text)
    {
        if (_path is null)
        {
            _environment.Out.Write(text);
            return;
        }

        WholeFile.Write(Name, _given!, _path, text);
    }
}
