namespace Harness.Cli;

/// <summary>
/// What the files of one command are to it. A command notes what it reads and then what it writes, before it writes anything: a result that would take the place of an
/// input, or of another result, is refused.
/// </summary>
internal sealed class FileRoles(CommandEnvironment environment)
{
    private const string Stream = "-";

    private readonly Dictionary<string, string> _roles = new(StringComparer.Ordinal);

    /// <summary>Notes a file that is read.</summary>
    /// <param name="role">What it is: <c>a script of this run</c>.</param>
    /// <param name="path">As the user gave it, or in full; - and null are no file.</param>
    public void Reads(string role, string? path)
    {
        if (path is not (null or Stream))
        {
            _roles.TryAdd(Real(environment.FullPath(path)), role);
        }
    }

    /// <summary>Notes a file that is given to an option to be read.</summary>
    public void ReadsBy(string option, string? path) => Reads(FileOf(option), path);

    /// <summary>Notes what --cpu gives, which is a file or the name of a model.</summary>
    public void ReadsModel(string? cpu)
    {
        if (cpu is not null && ModelRegistry.IsFile(cpu))
        {
            ReadsBy("--cpu", cpu);
        }
    }

    /// <summary>Notes a file that will be written.</summary>
    /// <param name="option">Names it.</param>
    /// <param name="path">As the user gave it; - and null are no file.</param>
    /// <param name="isScript">What is written is a script itself.</param>
    /// <exception cref="CommandException">It has another role already, or has the name of a script or a snapshot.</exception>
    public void Writes(string option, string? path, bool isScript = false)
    {
        // Devices take what comes from everybody.
        if (path is null or Stream || path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            return;
        }

        var real = Real(environment.FullPath(path));
        if (_roles.GetValueOrDefault(real) is { } role || (role = Kind(real, isScript)) is not null)
        {
            throw new CommandException(ExitCode.Usage, $"{option}: expected a file to write, found {role}: {path}");
        }

        _roles.Add(real, FileOf(option));
    }

    private static string FileOf(string option) => $"the file of {option}";

    private static string? Kind(string path, bool isScript) => Path.GetFileName(path) switch
    {
        { } name when !isScript && name.EndsWith(".csx", StringComparison.Ordinal) => "a script",
        { } name when name.EndsWith(".verified.txt", StringComparison.Ordinal) || name.EndsWith(".received.txt", StringComparison.Ordinal) => "a snapshot",
        _ => null,
    };

    // The path with every link followed, so that a file has one name. What does not exist yet is itself.
    private static string Real(string path)
    {
        if (Path.GetDirectoryName(path) is not { } folder)
        {
            return path;
        }

        var inFolder = Path.Combine(Real(folder), Path.GetFileName(path));
        try
        {
            return File.ResolveLinkTarget(inFolder, returnFinalTarget: true) is { } target ? Real(target.FullName) : inFolder;
        }
        catch (IOException)
        {
            // A ring of links, or a folder that cannot be looked into: writing will say so.
            return inFolder;
        }
        catch (UnauthorizedAccessException)
        {
            return inFolder;
        }
    }
}
