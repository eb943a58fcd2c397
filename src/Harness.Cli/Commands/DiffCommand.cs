using System.CommandLine;
using Harness.Cli.Output;
using Harness.Records;

namespace Harness.Cli.Commands;

/// <summary><c>diff</c>: shows how received texts differ from the snapshots.</summary>
internal sealed class DiffCommand
{
    private readonly CommandEnvironment _environment;
    private readonly ReceivedSelection _selection;

    private DiffCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _selection = new ReceivedSelection(command, environment);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("diff", "Shows how received results differ from the snapshots");
        command.SetAction(new DiffCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var code = ExitCode.Success;
        foreach (var (store, scenario) in _selection.Find(parsed))
        {
            var comparison = store.Review(scenario);
            DiffText.Write(_environment, comparison);
            code = comparison.Status switch
            {
                SnapshotStatus.Inaccessible => ExitCode.Environment,
                SnapshotStatus.Equal => code,
                _ => code == ExitCode.Success ? ExitCode.Failed : code,
            };
        }

        return code;
    }
}
