using System.CommandLine;
using Harness.Records;

namespace Harness.Cli.Commands;

/// <summary><c>accept</c>: makes received texts the snapshots.</summary>
internal sealed class AcceptCommand
{
    private readonly CommandEnvironment _environment;
    private readonly ReceivedSelection _selection;

    private AcceptCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _selection = new ReceivedSelection(command, environment);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("accept", "Makes received results the snapshots that later runs are compared with");
        command.SetAction(new AcceptCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        if (_environment.IsAutomated)
        {
            throw new CommandException(ExitCode.Usage, "accept needs a person who has reviewed the difference; it refuses where CI=true");
        }

        var pending = _selection.Find(parsed);
        if (pending.Count == 0)
        {
            throw new CommandException(ExitCode.NothingMatched, "no received snapshot to accept");
        }

        var code = ExitCode.Success;
        foreach (var (store, scenario) in pending)
        {
            var result = store.Accept(scenario);
            if (result.Status == SnapshotStatus.Equal)
            {
                _environment.Out.WriteLine($"accepted  {scenario}");
                continue;
            }

            _environment.Error.WriteLine($"harness: {scenario}: {result.Message}");
            code = result.Status == SnapshotStatus.Inaccessible ? ExitCode.Environment : ExitCode.Usage;
        }

        return code;
    }
}
