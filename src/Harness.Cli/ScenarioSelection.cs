using System.CommandLine;
using System.IO.Enumeration;
using Harness.Running;
using Harness.Scripting;

namespace Harness.Cli;

/// <summary>The arguments that choose scenarios, and the loading of those they choose.</summary>
internal sealed class ScenarioSelection
{
    private readonly CommandEnvironment _environment;
    private readonly Argument<string[]> _paths = CommandOptions.Paths();
    private readonly Option<string?> _filter = CommandOptions.Filter();
    private readonly Option<Shard?> _shard = CommandOptions.ShardOption();
    private readonly Option<int> _parallel = CommandOptions.Parallel();
    private readonly Option<int> _timeout = CommandOptions.Timeout();

    public ScenarioSelection(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        command.Arguments.Add(_paths);
        command.Options.Add(_filter);
        command.Options.Add(_shard);
        command.Options.Add(_parallel);
        command.Options.Add(_timeout);
    }

    /// <summary>Loads the scripts and picks the scenarios. Problems of scripts go to standard error.</summary>
    /// <exception cref="CommandException">A path is no use, two scenarios have one id, or nothing matches.</exception>
    public Selection Load(ParseResult parsed)
    {
        var workspace = new ScriptWorkspace(_environment.WorkingFolder);
        var paths = Paths(parsed.GetValue(_paths)!, _environment);
        var scripts = Scripts(workspace, paths);
        var executor = new ParallelExecutor(parsed.GetValue(_parallel), TimeSpan.FromSeconds(parsed.GetValue(_timeout)));
        var loaded = Load(_environment, workspace, scripts, executor);

        var filter = parsed.GetValue(_filter);
        var shard = parsed.GetValue(_shard);
        var items = loaded.Items.Where(item => filter is null || MayMatch(filter, item)).Where((_, i) => shard?.Has(i) ?? true).ToList();
        foreach (var item in items.Where(i => i.Declaration is null))
        {
            _environment.Error.WriteLine(item.Failure!);
        }

        if (items.Count == 0 && !loaded.End.Cancelled)
        {
            throw new CommandException(ExitCode.NothingMatched, scripts.Count == 0
                ? $"no scripts in {string.Join(' ', paths)}; `harness new NAME` writes one"
                : loaded.Items.Count == 0 ? "no script declares a scenario" : "no scenario matches --filter and --shard");
        }

        var wholeRoots = scripts.Select(s => s.Root).Distinct().Where(root => paths.Any(p => workspace.IsAtOrAbove(p, root))).ToList();
        return new Selection(items, loaded.Files, loaded.End, executor, filter is null && shard is null ? wholeRoots : []);
    }

    /// <summary>Loads scripts and shows what they print.</summary>
    /// <exception cref="CommandException">Two scenarios have one id, or one that was asked for is not there.</exception>
    public static LoadedScenarios Load(CommandEnvironment environment, ScriptWorkspace workspace, IReadOnlyList<ScriptFile> scripts, ParallelExecutor executor)
    {
        var host = new ScriptHost(new ScriptCache(ScriptCache.DefaultFolder(environment.Variable)));
        var loaded = new ScenarioLoader(workspace, host, executor).Load(scripts, environment.Cancellation);
        for (var i = 0; i < scripts.Count; i++)
        {
            executor.Show(environment.Error, i, scripts[i].Id);
        }

        if (loaded.HasDuplicates)
        {
            throw new CommandException(ExitCode.Usage, $"two scenarios have one id\n{string.Join('\n', loaded.Problems)}");
        }

        return loaded.Unknown.Count == 0 ? loaded : throw new CommandException(ExitCode.NothingMatched, string.Join('\n', loaded.Unknown));
    }

    /// <summary>The paths given, or the default when there are none.</summary>
    public static IReadOnlyList<string> Paths(IReadOnlyList<string> given, CommandEnvironment environment)
    {
        if (given.Count > 0)
        {
            return given;
        }

        return Directory.Exists(environment.FullPath(ScriptWorkspace.DefaultFolder))
            ? [ScriptWorkspace.DefaultFolder]
            : throw new CommandException(ExitCode.NothingMatched, $"no folder {ScriptWorkspace.DefaultFolder} here; name a PATH, or let `harness new NAME` make one");
    }

    /// <summary>The scripts at and below the paths.</summary>
    /// <exception cref="CommandException">A path is no use.</exception>
    public static IReadOnlyList<ScriptFile> Scripts(ScriptWorkspace workspace, IReadOnlyList<string> paths)
    {
        var scripts = workspace.Find(paths, out var complaints);
        return complaints.Count == 0 ? scripts : throw new CommandException(ExitCode.Usage, string.Join('\n', complaints));
    }

    // A script that declares nothing might have declared any id that starts with its own.
    private static bool MayMatch(string filter, RunItem item) =>
        FileSystemName.MatchesSimpleExpression(filter, item.Id, ignoreCase: false)
        || (item.Declaration is null && filter.StartsWith(item.Id, StringComparison.Ordinal));
}

/// <summary>The chosen scenarios.</summary>
/// <param name="Items">Scenarios and failed scripts, by id.</param>
/// <param name="Files">Full paths of the scripts and of all that they load.</param>
/// <param name="End">How loading ended.</param>
/// <param name="Executor">Runs them.</param>
/// <param name="WholeRoots">The scenario roots of which every scenario is among <paramref name="Items"/>; full paths.</param>
internal sealed record Selection(IReadOnlyList<RunItem> Items, IReadOnlyList<string> Files, ExecutionEnd End, ParallelExecutor Executor, IReadOnlyList<string> WholeRoots);
