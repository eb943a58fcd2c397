using System.CommandLine;
using System.IO.Enumeration;
using Harness.Records;
using Harness.Scripting;

namespace Harness.Cli;

/// <summary>The arguments that choose received snapshots, found without loading a script.</summary>
internal sealed class ReceivedSelection
{
    private readonly CommandEnvironment _environment;
    private readonly Argument<string[]> _paths = CommandOptions.Paths();
    private readonly Option<string?> _filter = CommandOptions.Filter();

    public ReceivedSelection(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        command.Arguments.Add(_paths);
        command.Options.Add(_filter);
    }

    /// <summary>The received texts of the scenarios at and below the paths, by root and id.</summary>
    /// <exception cref="CommandException">A path is no use.</exception>
    public IReadOnlyList<(SnapshotStore Store, string Scenario)> Find(ParseResult parsed)
    {
        var workspace = new ScriptWorkspace(_environment.WorkingFolder);
        var scripts = ScenarioSelection.Scripts(workspace, ScenarioSelection.Paths(parsed.GetValue(_paths)!, _environment));
        var filter = parsed.GetValue(_filter);
        var pending = new List<(SnapshotStore, string)>();
        foreach (var root in scripts.Select(s => s.Root).Distinct().Order(StringComparer.Ordinal))
        {
            var store = new SnapshotStore(ScriptWorkspace.SnapshotFolder(root));
            var every = workspace.Find([root + Path.DirectorySeparatorChar], out _);
            var chosen = scripts.ToDictionary(s => s.Path, StringComparer.Ordinal);
            pending.AddRange(store.Pending()
                .Where(id => filter is null || FileSystemName.MatchesSimpleExpression(filter, id, ignoreCase: false))
                .Where(id => ScriptOf(id, every) is { } script && chosen.TryGetValue(script.Path, out var meant) && meant.Means(id))
                .Select(id => (store, id)));
        }

        return pending;
    }

    // An id goes on after its script's with .name or _parameter; of several scripts that could be meant, the longest is.
    private static ScriptFile? ScriptOf(string id, IReadOnlyList<ScriptFile> scripts) => scripts
        .Where(s => id == s.Id || (id.StartsWith(s.Id, StringComparison.Ordinal) && id[s.Id.Length] is '.' or '_'))
        .MaxBy(s => s.Id.Length);
}
