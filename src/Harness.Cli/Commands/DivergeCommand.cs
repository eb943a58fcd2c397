using System.CommandLine;
using System.Globalization;
using Harness.Records;
using Harness.Running;
using Harness.Vmm;
using Divergence = Harness.Vmm.Divergence;

namespace Harness.Cli.Commands;

/// <summary><c>diverge</c>: the first guest-visible difference between two engines.</summary>
internal sealed class DivergeCommand
{
    private readonly CommandEnvironment _environment;
    private readonly ScenarioTarget _target;
    private readonly RunOptionSet _options;
    private readonly Option<string> _engines = new("--engines") { Description = "Two engines, the reference first", HelpName = "A,B", Required = true };

    private DivergeCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _target = new ScenarioTarget(command, environment);
        command.Options.Add(_engines);
        _options = new RunOptionSet(command, environment, engines: false);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("diverge", "Names the first value that a scenario's guest sees differently under two engines; exit code 2 if there is one");
        command.SetAction(new DivergeCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var engines = parsed.GetValue(_engines)!.Split(',', StringSplitOptions.TrimEntries);
        if (engines.Length != 2 || engines[0] == engines[1])
        {
            throw new CommandException(ExitCode.Usage, $"--engines: expected two different engines as A,B; found '{parsed.GetValue(_engines)}'");
        }

        foreach (var engine in engines)
        {
            CommandOptions.Expect("--engines", engine, _environment.Catalog.Engines);
        }

        var item = _target.Load(parsed);
        var found = ScenarioGuests.Find(item, _options.Read(parsed) with { Engines = engines }, _environment.Cancellation);
        if (engines.FirstOrDefault(e => !found[e].Any()) is { } missing)
        {
            throw new CommandException(ExitCode.NothingMatched, $"{item.Id} has no run under {missing}; `harness run {item.Script} --filter {item.Id}` says why");
        }

        var code = ExitCode.Success;
        var number = 0;
        foreach (var (a, b) in found[engines[0]].Zip(found[engines[1]]))
        {
            number++;
            if (_environment.Cancellation.IsCancellationRequested)
            {
                return ExitCode.Cancelled;
            }

            EngineRun[] runs = [GuestRunner.Run(a with { RecordEffects = true }), GuestRunner.Run(b with { RecordEffects = true })];
            var verdict = Equivalence.Compare(runs[0], runs[1]);
            code = verdict.Holds ? code : ExitCode.Failed;
            Show(number, engines, verdict);
            foreach (var run in runs.Where(r => r.FirstHarm is not null))
            {
                _environment.Out.WriteLine(Printable.Escape($"  first harmful execution under {run.Request.Engine.Name}: {run.FirstHarm}"));
            }
        }

        return code;
    }

    private void Show(int number, string[] engines, EquivalenceVerdict verdict)
    {
        var names = string.Create(CultureInfo.InvariantCulture, $"run {number}, {engines[0]} and {engines[1]}");
        if (verdict.Holds)
        {
            _environment.Out.WriteLine($"{names}: the same to the end");
            return;
        }

        _environment.Out.WriteLine($"{names}: different{(verdict.MetAgain ? ", and the states meet again" : "")}");
        Show("first divergence", engines, verdict.FirstDivergence!);
        if (verdict.FirstControlFlow is { } flow)
        {
            Show("first other way", engines, flow);
        }
    }

    private void Show(string title, string[] engines, Divergence d)
    {
        var instruction = d.Instruction.Length == 0 ? "" : $" ({d.Instruction})";
        _environment.Out.WriteLine(Printable.Escape(string.Create(
            CultureInfo.InvariantCulture,
            $"  {title}: {d.Value} at {d.At}{instruction}, address {d.Address}, tick {d.Tick}: {engines[0]} {d.Show(d.Bare)}, {engines[1]} {d.Show(d.Found)}")));
    }
}
