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

    /// <summary>The scripts at and below the paths, each once, by id; and a complaint for each path that has none to give.</summary>
    /// <param name="paths">Files and folders, relative to the working folder or full, or ids of scripts and topics in <see cref="DefaultFolder"/>.</param>
    /// <param name="complaints">Why a path is no use.</param>
    /// <exception cref="IOException">A folder cannot be read; see also <see cref="UnauthorizedAccessException"/>.</exception>
    public IReadOnlyList<ScriptFile> Find(IReadOnlyList<string> paths, out IReadOnlyList<string> complaints)
    {
        var refused = new List<string>();
        var found = new SortedDictionary<string, ScriptFile>(StringComparer.Ordinal);
        foreach (var given in paths)
        {
            var path = Resolve(given);
            if (given.Length == 0)
            {
                refused.Add("expected a path or an id, found an empty one (an unset variable?)");
            }
            else if (Directory.Exists(path))
            {
                foreach (var script in Directory.EnumerateFiles(path, "*" + Extension, SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                {
                    if (Path.GetFileName(script) != Prelude)
                    {
                        found.TryAdd(script, Describe(script, path));
                    }
                }
            }
            else if (!File.Exists(path))
            {
                refused.Add($"{given}: no such file or folder, and no such id in {DefaultFolder}");
            }
            else if (Path.GetExtension(path) != Extension)
            {
                refused.Add($"{given}: expected a script ({Extension}) or a folder of scripts");
            }
            else
            {
                found.TryAdd(path, Describe(path, Path.GetDirectoryName(path)!));
            }
        }

        complaints = refused;
        return found.Values.OrderBy(s => s.Id, StringComparer.Ordinal).ToList();
    }

    /// <summary>A path as results show it: relative to the working folder, with forward slashes.</summary>
    public string Display(string path) => Path.GetRelativePath(folder, path).Replace('\\', '/');

    /// <summary>Whether <paramref name="given"/> names <paramref name="target"/> or a folder above it.</summary>
    /// <param name="given">Relative to the working folder or full.</param>
    /// <param name="target">Full path.</param>
    public bool IsAtOrAbove(string given, string target)
    {
        var down = Path.GetRelativePath(Resolve(given), target);
        return !Path.IsPathRooted(down) && down != ".." && !down.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal);
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

    // What exists as it is given comes first: x, then x.csx, then scenarios/x and scenarios/x.csx.
    private string Resolve(string given)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(given, folder));
        var id = Path.GetFullPath(Path.Combine(DefaultFolder, given), folder);
        return Array.Find([full, full + Extension, id, id + Extension], Path.Exists) ?? full;
    }

    private static ScriptFile Describe(string script, string searched)
    {
        var root = RootOf(Path.GetDirectoryName(script)!);
        root = IsRoot(root) ? root : searched;
        return new ScriptFile(script, IdOf(root, script), root);
    }

    private static bool IsRoot(string folder) => Path.GetFileName(folder) == DefaultFolder || File.Exists(Path.Combine(folder, Prelude));
}
