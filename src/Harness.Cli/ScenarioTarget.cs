using System.CommandLine;
using Harness.Running;
using Harness.Scripting;

namespace Harness.Cli;

/// <summary>The argument that names one scenario, by its id or by its script if that declares only one.</summary>
internal sealed class ScenarioTarget
{
    private readonly CommandEnvironment _environment;
    private readonly Argument<string> _scenario = PathOptions.Checked(new Argument<string>("SCENARIO") { Description = "Id of a scenario in scenarios, or a script that declares one" });
    private readonly Option<int> _timeout = CommandOptions.Timeout();

    public ScenarioTarget(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        command.Arguments.Add(_scenario);
        command.Options.Add(_timeout);
    }

    /// <summary>Loads the scenario; runs nothing.</summary>
    /// <exception cref="CommandException">There is none, there are several, or its script is at fault.</exception>
    public RunItem Load(ParseResult parsed)
    {
        var workspace = new ScriptWorkspace(_environment.WorkingFolder);
        var given = parsed.GetValue(_scenario)!;
        var isScript = File.Exists(_environment.FullPath(given));
        var scripts = isScript
            ? ScenarioSelection.Scripts(workspace, [given])
            : [.. ScenarioSelection.Scripts(workspace, ScenarioSelection.Paths([], _environment)).Where(s => given.StartsWith(s.Id, StringComparison.Ordinal))];
        var executor = new ParallelExecutor(1, TimeSpan.FromSeconds(parsed.GetValue(_timeout)));
        var host = new ScriptHost(new ScriptCache(ScriptCache.DefaultFolder(_environment.Variable)));
        var loaded = new ScenarioLoader(workspace, host, executor).Load(scripts, _environment.Cancellation);
        for (var i = 0; i < scripts.Count; i++)
        {
            executor.Show(_environment.Error, i, scripts[i].Id);
        }

        var items = loaded.Items.Where(i => isScript || i.Id == given || i.Declaration is null).ToList();
        if (items.Find(i => i.Failure is not null) is { } failed)
        {
            throw new CommandException(failed.Refused ? ExitCode.Usage : ExitCode.Failed, failed.Failure!);
        }

        return items.Count switch
        {
            1 => items[0],
            0 => throw new CommandException(ExitCode.NothingMatched, $"no scenario '{given}'; `harness list` shows their ids"),
            _ => throw new CommandException(ExitCode.Usage, $"{given} declares {items.Count} scenarios: name one by its id: {string.Join(", ", items.Select(i => i.Id))}"),
        };
    }
}
