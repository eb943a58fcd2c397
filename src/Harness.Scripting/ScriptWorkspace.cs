namespace Harness.Scripting;

/// <summary>
/// Finds scripts and shows their paths. Ids count from a scenario root: the nearest folder at or above a script that is named <c>scenarios</c> or holds a
/// <c>prelude.csx</c>; without one, the folder that was searched.
/// </summary>
/// <param name="folder">Full path of the folder the command runs in.</param>
public sealed class ScriptWorkspace(string folder)
{
    /// <summary>Name of the script that the others load; never a scenario itself.</summary>
    public const string Prelude = "prelude.csx";

    /// <summary>Name of the folder that is searched when no path is given.</summary>
    public const string DefaultFolder = "scenarios";

    private const string Extension = ".csx";

    /// <summary>The scripts that names mean, each once, by id; and a complaint for each name that means none.</summary>
    /// <param name="names">
    /// Each is a path of a file or folder, relative to the working folder or full; an id of a script, topic or scenario in <see cref="DefaultFolder"/>; or an id
    /// of a script or scenario without its topic, where only one script has it. <c>.csx</c> may be left out; a name of a script and of a folder means both.
    /// </param>
    /// <param name="complaints">Why a name is no use.</param>
    /// <exception cref="IOException">A folder cannot be read; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public IReadOnlyList<ScriptFile> Find(IReadOnlyList<string> names, out IReadOnlyList<string> complaints)
    {
        var refused = new List<string>();
        var found = new SortedDictionary<string, ScriptFile>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            foreach (var script in Find(name, refused))
            {
                found[script.Path] = found.TryGetValue(script.Path, out var known) ? known.With(script) : script;
            }
        }

        complaints = refused;
        return found.Values.OrderBy(s => s.Id, StringComparer.Ordinal).ToList();
    }

    /// <summary>A path as results show it: relative to the working folder, with forward slashes.</summary>
    public string Display(string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>Whether <paramref name="given"/> names <paramref name="target"/> or a folder above it.</summary>
    /// <param name="given">Relative to the working folder or full.</param>
    /// <param name="target">Full path.</param>
    public bool IsAtOrAbove(string given, string target)
    {
        return Existing(FullPath(given), given).Concat(Existing(IdPath(given), given)).Any(path =>
        {
            var down = Path.GetRelativePath(path, target);
            return !Path.IsPathRooted(down) && down != ".." && !down.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        });
    }

    /// <summary>The folder of a root's snapshots: <c>snapshots</c> beside a scenario root, inside a folder that is none.</summary>
    public static string SnapshotFolder(string root) => Path.Combine(IsRoot(root) && Path.GetDirectoryName(root) is { } parent ? parent : root, "snapshots");

    /// <summary>The folder that ids of scripts in <paramref name="folder"/> count from.</summary>
    public static string RootOf(string folder)
    {
        for (var candidate = folder; candidate is not null; candidate = Path.GetDirectoryName(candidate))
        {
            if (IsRoot(candidate))
            {
                return candidate;
            }
        }

        return folder;
    }

    /// <summary><c>topic/file</c> of a script below a root.</summary>
    public static string IdOf(string root, string script) => Path.ChangeExtension(Path.GetRelativePath(root, script), null).Replace('\\', '/');

    private IEnumerable<ScriptFile> Find(string name, List<string> refused)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            refused.Add("expected a path or an id, found an empty one (an unset variable?)");
            return [];
        }

        var paths = Existing(FullPath(name), name);
        var ids = Existing(IdPath(name), name);
        if (paths.Count > 0 && ids.Count > 0)
        {
            refused.Add($"{name}: both a path and an id: write ./{name} or {DefaultFolder}/{name}");
            return [];
        }

        if (paths.Concat(ids).FirstOrDefault(p => File.Exists(p) && Path.GetExtension(p) != Extension) is not null)
        {
            refused.Add($"{name}: expected a script ({Extension}) or a folder of scripts");
            return [];
        }

        return paths.Count + ids.Count > 0 ? paths.Concat(ids).SelectMany(ScriptsAt)
            : (OfScenario(FullPath(name)) ?? OfScenario(IdPath(name))) is { } script ? [script]
            : WithoutTopic(name, refused);
    }

    private static IEnumerable<ScriptFile> ScriptsAt(string path) => File.Exists(path)
        ? [Describe(path, Path.GetDirectoryName(path)!)]
        : Directory.EnumerateFiles(path, "*" + Extension, SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(script => Path.GetFileName(script) != Prelude).Select(script => Describe(script, path));

    private string FullPath(string name) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(name, folder));

    // Null for what can only be a path.
    private string? IdPath(string name) => Path.IsPathRooted(name) || name[0] == '.' || name == DefaultFolder ? null : FullPath(Path.Combine(DefaultFolder, name));

    // The folder and the script of a name; a separator at its end asks for the folder alone.
    private static List<string> Existing(string? path, string name) =>
        path is null ? [] : [.. ((string[])[path, .. Path.EndsInDirectorySeparator(name) || name == DefaultFolder ? Array.Empty<string>() : [path + Extension]]).Where(Path.Exists)];

    // An id of a scenario goes on after its script's with .name or _parameter.
    private static ScriptFile? OfScenario(string? path)
    {
        for (var end = path?.Length - 1 ?? 0; end > 0 && path![end] != Path.DirectorySeparatorChar; end--)
        {
            if (path[end] is '.' or '_' && File.Exists(path[..end] + Extension))
            {
                var script = Describe(path[..end] + Extension, Path.GetDirectoryName(path)!);
                return script with { Scenarios = [script.Id + path[end..]] };
            }
        }

        return null;
    }

    private IEnumerable<ScriptFile> WithoutTopic(string name, List<string> refused)
    {
        var all = FullPath(DefaultFolder);
        var matches = name.Contains('/', StringComparison.Ordinal) || !Directory.Exists(all) ? []
            : ScriptsAt(all).Select(s => (Script: s, File: s.Id[(s.Id.LastIndexOf('/') + 1)..])).Where(s => IsIn(name, s.File)).ToList();
        var longest = matches.Where(m => m.File.Length == matches.Max(other => other.File.Length)).ToList();
        if (longest is [var one])
        {
            var rest = name[one.File.Length..];
            return [rest.Length == 0 || rest == Extension ? one.Script : one.Script with { Scenarios = [one.Script.Id + rest] }];
        }

        refused.Add(longest.Count == 0
            ? $"{name}: no such file or folder, and no such id in {DefaultFolder}; `harness list` shows the ids"
            : $"{name}: several scripts in {DefaultFolder} have this name: {string.Join(", ", longest.Select(m => m.Script.Id))}");
        return [];
    }

    private static bool IsIn(string name, string script) =>
        name.StartsWith(script, StringComparison.Ordinal) && (name.Length == script.Length || name[script.Length] is '.' or '_');

    private static ScriptFile Describe(string script, string searched)
    {
        var root = RootOf(Path.GetDirectoryName(script)!);
        root = IsRoot(root) ? root : searched;
        return new ScriptFile(script, IdOf(root, script), root);
    }

    private static bool IsRoot(string folder) => Path.GetFileName(folder) == DefaultFolder || File.Exists(Path.Combine(folder, Prelude));
}
