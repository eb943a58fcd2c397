using System.CommandLine;
using System.Globalization;
using Harness.Records;
using Harness.Running;
using Harness.Vmm;

namespace Harness.Cli.Commands;

/// <summary><c>trace</c>: what a guest does under one engine, instruction by instruction and event by event.</summary>
internal sealed class TraceCommand
{
    private const int Around = 20;

    private readonly CommandEnvironment _environment;
    private readonly ScenarioTarget _target;
    private readonly RunOptionSet _options;
    private readonly Option<string> _engine = new("--engine") { Description = "The engine", HelpName = "E", DefaultValueFactory = _ => "bare" };
    private readonly Option<int> _run = CommandOptions.Number("--run", "Which of the scenario's runs", "N", 1, int.MaxValue, 1);
    private readonly Option<long?> _from = CommandOptions.OptionalNumber<long>("--from", "First guest tick", "TICK", 0, long.MaxValue);
    private readonly Option<long?> _to = CommandOptions.OptionalNumber<long>("--to", "Last guest tick", "TICK", 0, long.MaxValue);
    private readonly Option<string?> _around = new("--around")
    {
        Description = $"The {Around} ticks before and after an event: a kind (trap, exit, ...), cause (#GP, CPUID, ...), reason or mnemonic; @N after it means the Nth",
        HelpName = "EVENT",
    };

    private TraceCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _target = new ScenarioTarget(command, environment);
        _engine.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Engines));
        foreach (var option in (Option[])[_engine, _run, _from, _to, _around])
        {
            command.Options.Add(option);
        }

        _options = new RunOptionSet(command, environment, engines: false);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command(
            "trace",
            "Shows each instruction of a scenario's guest with what it changed, and before it the events that it met. The number in front is the guest's clock: after an instruction, and when an event came");
        command.SetAction(new TraceCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var engine = parsed.GetValue(_engine)!;
        CommandOptions.Expect("--engine", engine, _environment.Catalog.Engines);
        var options = _options.Read(parsed) with { Engines = [engine] };
        var item = _target.Load(parsed);
        var number = parsed.GetValue(_run);
        var request = ScenarioGuests.Find(item, options, _environment.Cancellation)[engine].ElementAtOrDefault(number - 1)
            ?? throw new CommandException(ExitCode.NothingMatched, $"{item.Id} has no run {number} under {engine}; `harness run {item.Script} --filter {item.Id}` says why");
        var (from, to) = Range(parsed, request);
        GuestTrace.Write(request, from, to, line => _environment.Out.WriteLine(Printable.Escape(line.Text)));
        return _environment.Cancellation.IsCancellationRequested ? ExitCode.Cancelled : ExitCode.Success;
    }

    private (long From, long To) Range(ParseResult parsed, RunRequest request)
    {
        var from = parsed.GetValue(_from);
        var to = parsed.GetValue(_to);
        if (parsed.GetValue(_around) is not { } given)
        {
            return from > to
                ? throw new CommandException(ExitCode.Usage, $"--from {from} lies after --to {to}")
                : (from ?? 0, to ?? long.MaxValue);
        }

        if (from is not null || to is not null)
        {
            throw new CommandException(ExitCode.Usage, "--around gives the range; leave out --from and --to");
        }

        var at = given.LastIndexOf('@');
        var occurrence = 1;
        if (at >= 0 && (!int.TryParse(given.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out occurrence) || occurrence < 1))
        {
            throw new CommandException(ExitCode.Usage, $"--around: expected EVENT or EVENT@N with N from 1, found '{given}'");
        }

        var name = at < 0 ? given : given[..at];
        var tick = GuestTrace.FindEvent(request, e => Matches(e, name), occurrence)
            ?? throw new CommandException(ExitCode.NothingMatched, $"no event '{given}' in the run under {request.Engine.Name}");
        return (Math.Max(0, tick - Around), tick + Around);
    }

    private static bool Matches(EngineEvent e, string name) =>
        ((string[])[e.Kind.ToString(), e.Cause, e.Reason, e.Instruction]).Any(text => string.Equals(text, name, StringComparison.OrdinalIgnoreCase));
}
