using System.CommandLine;
using Harness.Running;
using Harness.Scripting;

namespace Harness.Cli;

/// <summary>The argument that names one scenario, in any way that <c>run</c> takes, if it means only one.</summary>
internal sealed class ScenarioTarget
{
    private readonly CommandEnvironment _environment;
    private readonly Argument<string> _scenario = PathOptions.Checked(new Argument<string>("SCENARIO") { Description = "Id of a scenario, or a script or folder with only one" });
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
        var scripts = ScenarioSelection.Scripts(workspace, [given]);
        var executor = new ParallelExecutor(1, TimeSpan.FromSeconds(parsed.GetValue(_timeout)));
        var items = ScenarioSelection.Load(_environment, workspace, scripts, executor).Items;
        if (items.FirstOrDefault(i => i.Failure is not null) is { } failed)
        {
            throw new CommandException(failed.Refused ? ExitCode.Usage : ExitCode.Failed, failed.Failure!);
        }

        return items.Count switch
        {
            1 => items[0],
            0 => throw new CommandException(ExitCode.NothingMatched, $"{given}: no scenario there; `harness list` shows their ids"),
            _ => throw new CommandException(ExitCode.Usage, $"{given}: expected one scenario, found {items.Count}: name one of {string.Join(", ", items.Select(i => i.Id))}"),
        };
    }
}
