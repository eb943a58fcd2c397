using System.CommandLine;
using Harness.Cli.Output;
using Harness.Records;
using Harness.Running;
using Harness.Scenarios;
using Harness.Scripting;

namespace Harness.Cli.Commands;

/// <summary><c>run</c>: runs scenarios, checks their snapshots, and prints the results.</summary>
internal sealed class RunCommand
{
    private readonly CommandEnvironment _environment;
    private readonly ScenarioSelection _selection;
    private readonly RunOptionSet _options;
    private readonly Option<ResultFormat> _format = CommandOptions.OneOf<ResultFormat>("--format", "Form of the results on standard output (default: console)");
    private readonly Option<string?> _records = PathOptions.One("--records", "Write the run records as JSON lines; - is standard output");
    private readonly Option<string?> _timings = PathOptions.One("--timings", "Write host times as JSON lines; - is standard output");
    private readonly Option<bool> _quiet = CommandOptions.Quiet();
    private readonly Option<bool> _verbose = CommandOptions.Verbose();

    private RunCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _selection = new ScenarioSelection(command, environment);
        _options = new RunOptionSet(command, environment);
        foreach (var option in (Option[])[_format, _records, _timings, _quiet, _verbose])
        {
            command.Options.Add(option);
        }
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("run", "Runs scenarios and checks their assertions and snapshots");
        command.SetAction(new RunCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var options = _options.Read(parsed);
        var selection = _selection.Load(parsed);
        CheckFiles(parsed, options, selection.Files);
        var results = new List<ScenarioResult>();
        ExecutionEnd end;
        using (var records = Open(parsed.GetValue(_records)))
        using (var writer = ResultWriter.Create(parsed.GetValue(_format), _environment, parsed.GetValue(_quiet), parsed.GetValue(_verbose)))
        {
            if (options.ChangesResults)
            {
                _environment.Error.WriteLine("harness: --cpu, --cost, --seed and --max-instructions change results: no snapshot is compared");
            }

            writer.Begin(selection.Items);
            end = new ScenarioRunner(selection.Executor, options, Logger(parsed)).Run(selection.Items, Complete, records is null ? null : KeepEarly, _environment.Cancellation);
            var orphans = options.Engines is null && !end.Cancelled && results.TrueForAll(r => r.Item.Declaration is not null)
                ? selection.WholeRoots.SelectMany(root => Orphans(root, selection.Items)).ToList()
                : [];
            writer.End(results, orphans);
            WriteTimings(parsed.GetValue(_timings), selection);
            if (end.Cancelled)
            {
                _environment.Error.WriteLine($"harness: cancelled; {results.Count} of {selection.Items.Count} have a result");
            }

            return Verdict(results, orphans, end);

            void KeepEarly(ScenarioResult result)
            {
                foreach (var record in result.Records)
                {
                    records.WriteEarly(record);
                }
            }

            void Complete(ScenarioResult result)
            {
                selection.Executor.Show(_environment.Error, results.Count, result.Item.Id);
                results.Add(result);
                foreach (var record in result.Records)
                {
                    records?.Write(record);
                }

                writer.Add(result);
            }
        }
    }

    private void CheckFiles(ParseResult parsed, RunOptions options, IReadOnlyList<string> scripts)
    {
        var roles = new FileRoles(_environment);
        foreach (var script in scripts)
        {
            roles.Reads("a script of this run", script);
        }

        roles.ReadsModel(options.Cpu);
        roles.Writes(_records.Name, parsed.GetValue(_records));
        roles.Writes(_timings.Name, parsed.GetValue(_timings));
    }

    private static int Verdict(List<ScenarioResult> results, IReadOnlyList<SnapshotComparison> orphans, ExecutionEnd end)
    {
        if (end.Cancelled)
        {
            return ExitCode.Cancelled;
        }

        if (results.Exists(r => r.Snapshot is { Status: SnapshotStatus.Inaccessible }))
        {
            return ExitCode.Environment;
        }

        if (results.Exists(r => r.Item.Refused))
        {
            return ExitCode.Usage;
        }

        return results.TrueForAll(r => r.IsGood) && orphans.Count == 0 ? ExitCode.Success : ExitCode.Failed;
    }

    private static IReadOnlyList<SnapshotComparison> Orphans(string root, IReadOnlyList<RunItem> items) =>
        new SnapshotStore(ScriptWorkspace.SnapshotFolder(root)).Orphans(items.Select(i => i.Id));

    private Action<string> Logger(ParseResult parsed)
    {
        return parsed.GetValue(_verbose) ? _environment.Error.WriteLine : _ => { };
    }

    private RecordWriter? Open(string? file) => file switch
    {
        null => null,
        "-" => RecordWriter.To(_environment.Output),
        _ => RecordWriter.Create(_environment.FullPath(file)),
    };

    private void WriteTimings(string? file, Selection selection)
    {
        using var timings = Open(file);
        foreach (var (item, microseconds) in selection.Items.Zip(selection.Executor.Microseconds))
        {
            timings?.Write(new TimingRecord { Scenario = item.Id, Microseconds = microseconds });
        }
    }
}
