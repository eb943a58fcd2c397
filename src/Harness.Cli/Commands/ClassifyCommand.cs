using System.CommandLine;
using System.Globalization;
using Harness.Cli.Output;
using Harness.Machine;
using Harness.Records;
using Harness.Reports;
using Harness.Running;
using Harness.Scenarios;
using Harness.Vmm.Classification;

namespace Harness.Cli.Commands;

/// <summary><c>classify</c>: sorts a processor's instruction forms by experiment and decides Popek and Goldberg's theorems.</summary>
internal sealed class ClassifyCommand
{
    private const int NearNames = 6;

    private readonly CommandEnvironment _environment;
    private readonly Option<string> _cpu = new("--cpu")
    {
        Description = "Processor model: a name, or a model file (*.json)",
        HelpName = "M",
        DefaultValueFactory = _ => ScenarioContext.DefaultCpu,
    };

    private readonly Option<string[]> _mode = new("--mode") { Description = "Only these modes, separated by commas (default: all)", HelpName = string.Join(',', SituationNames.Modes) };
    private readonly Option<string[]> _instruction = new("--instruction") { Description = "Only forms with this mnemonic or this whole name; repeatable", HelpName = "NAME" };
    private readonly Option<string?> _configuration = new("--configuration") { Description = "Only verdicts relative to this configuration of a monitor: permissive, trapping, virtual-interrupts (default: all of them), supervisor-segments, supervisor-pages, smep, smap", HelpName = "NAME" };
    private readonly Option<string[]> _theorem = new("--theorem") { Description = "Only these theorems, with the forms that violate their conditions", HelpName = "1,2,3" };
    private readonly Option<bool> _witness = new("--witness") { Description = "A scenario script that replays and explains the witness of everything found about the --instruction" };
    private readonly Option<ClassificationFormat> _format = CommandOptions.OneOf<ClassificationFormat>("--format", "Form of the result (default: console)");
    private readonly Option<string?> _out = ResultFile.Option();
    private readonly Option<int> _parallel = CommandOptions.Parallel("Pieces");

    private ClassifyCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _cpu.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Cpus));
        foreach (var option in (Option[])[_cpu, _mode, _instruction, _configuration, _theorem, _witness, _format, _out, _parallel])
        {
            command.Options.Add(option);
        }
    }

    private enum ClassificationFormat
    {
        Console,
        Json,
        Markdown,
        Html,
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("classify", "Finds by experiment which instructions are privileged and which sensitive, with witnesses, and decides Popek and Goldberg's theorems");
        command.SetAction(new ClassifyCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var cpu = CommandOptions.Cpu(_environment, parsed.GetValue(_cpu)!);
        var model = ModelRegistry.Load(cpu);
        var configurations = Configurations(parsed, model);
        var protects = configurations.Any(c => c.Protection != MemoryProtection.None);
        var modes = protects ? ProtectedOnly(parsed) : Modes(parsed);
        var names = parsed.GetValue(_instruction) ?? [];
        var theorems = TheoremNumbers(parsed);
        var result = new ResultFile(_environment, parsed.GetValue(_out), cpu, parsed.GetValue(_witness));
        CheckTogether(parsed, names, theorems);
        ExpectForms(model, modes, names);
        try
        {
            var executor = new ParallelExecutor(parsed.GetValue(_parallel), TimeSpan.MaxValue);
            Func<InstructionForm, bool>? wanted = names.Length == 0 ? null : form => names.Any(form.IsNamed);
            var verdicts = ClassificationRunner.Run(model, modes, wanted, executor, protects ? configurations : null, _environment.Cancellation);
            var record = ClassificationRecords.Of(parsed.GetValue(_cpu)!, model, modes, verdicts, configurations, isWhole: wanted is null);
            if (parsed.GetValue(_witness))
            {
                ExpectWitness(record, names);
            }

            result.Write(Render(parsed, record, theorems, result));
            return ExitCode.Success;
        }
        catch (OperationCanceledException) when (_environment.Cancellation.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Cancelled, "cancelled; nothing is written");
        }
    }

    private List<GuestMode> Modes(ParseResult parsed) =>
        Named(_mode.Name, Parts(parsed.GetValue(_mode)) is { Count: > 0 } given ? given : SituationNames.Modes, SituationNames.Mode);

    private List<GuestMode> ProtectedOnly(ParseResult parsed) => parsed.GetValue(_mode) is { Length: > 0 } && Modes(parsed) is not [GuestMode.Protected]
        ? throw new CommandException(ExitCode.Usage, $"{_configuration.Name} {parsed.GetValue(_configuration)}: only protected mode has segments and pages that a mode cannot use: leave out {_mode.Name}, or give it {SituationNames.Of(GuestMode.Protected)}")
        : [GuestMode.Protected];

    private IReadOnlyList<MonitorConfiguration> Configurations(ParseResult parsed, ProcessorModel model) => parsed.GetValue(_configuration) is { } name
        ? Named(_configuration.Name, [name], n => SituationNames.Configuration(model, n))
        : MonitorConfiguration.Of(model);

    private List<int> TheoremNumbers(ParseResult parsed) => Named(_theorem.Name, Parts(parsed.GetValue(_theorem)), text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 3
            ? number
            : throw new FormatException($"expected 1, 2 or 3; found '{text}'"));

    private static List<T> Named<T>(string option, IReadOnlyList<string> names, Func<string, T> read)
    {
        try
        {
            return [.. names.Select(read)];
        }
        catch (FormatException e)
        {
            throw new CommandException(ExitCode.Usage, $"{option}: {e.Message}");
        }
    }

    private static List<string> Parts(string[]? given) => [.. (given ?? []).SelectMany(g => g.Split(',', StringSplitOptions.TrimEntries)).Distinct()];

    private void CheckTogether(ParseResult parsed, string[] names, List<int> theorems)
    {
        var witness = parsed.GetValue(_witness);
        var problem = witness && names.Length == 0 ? "--witness: name the forms with --instruction; the witnesses of all of them are in --format json"
            : theorems.Count > 0 && names.Length > 0 ? "--theorem speaks of all forms: leave out --instruction"
            : theorems.Count > 0 && witness ? "--theorem and --witness: choose one"
            : (witness || theorems.Count > 0) && parsed.GetValue(_format) != ClassificationFormat.Console ? "--theorem and --witness have one form: leave out --format"
            : null;
        if (problem is not null)
        {
            throw new CommandException(ExitCode.Usage, problem);
        }
    }

    private static void ExpectForms(ProcessorModel model, List<GuestMode> modes, string[] names)
    {
        var forms = names.Length == 0 ? [] : modes.SelectMany(m => FormCatalog.Of(model, m)).ToList();
        if (Array.Find(names, name => !forms.Exists(f => f.IsNamed(name))) is { } unknown)
        {
            throw new CommandException(
                ExitCode.NothingMatched, $"--instruction: {model.Name} has no form '{unknown}'; near it are {string.Join("; ", FormCatalog.Nearest(forms, unknown, NearNames))}");
        }
    }

    // A script without a scenario does not run.
    private static void ExpectWitness(ClassificationRecord record, string[] names)
    {
        if (record.Modes.SelectMany(m => m.Forms).SelectMany(f => f.Verdicts).All(v => v is { Findings.Count: 0, Unprivileged: null }))
        {
            throw new CommandException(
                ExitCode.NothingMatched,
                $"--witness: nothing was found about {string.Join(", ", names)} on {record.Model} in {string.Join(", ", record.Modes.Select(m => m.Mode))} mode under "
                    + $"{string.Join(", ", record.Modes.SelectMany(m => m.Configurations).Select(c => c.Name).Distinct())}, so there is no witness; without --witness the verdicts are shown");
        }
    }

    private string Render(ParseResult parsed, ClassificationRecord record, List<int> theorems, ResultFile result)
    {
        var style = result.IsFile ? ConsoleStyle.Plain : ConsoleStyle.For(_environment.IsTerminal, _environment.Variable("NO_COLOR"), _environment.Width);
        return parsed.GetValue(_witness) ? Report.Witnesses(ModelRegistry.IsFile(record.Cpu) ? record with { Cpu = result.Seen(record.Cpu) } : record)
            : theorems.Count > 0 ? Report.Theorems(record, theorems, style)
            : parsed.GetValue(_format) switch
            {
                ClassificationFormat.Json => Report.ClassificationJson(record),
                ClassificationFormat.Markdown => Report.ClassificationMarkdown(record),
                ClassificationFormat.Html => Report.ClassificationHtml(record),
                _ => Report.Classification(record, style),
            };
    }
}
