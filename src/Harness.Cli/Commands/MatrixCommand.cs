using System.CommandLine;
using Harness.Cli.Output;
using Harness.Machine;
using Harness.Records;
using Harness.Reports;
using Harness.Running;
using Harness.Scenarios;
using Harness.Vmm.Classification;

namespace Harness.Cli.Commands;

/// <summary><c>matrix</c>: every sensitive instruction form, and an innocuous one of each group, against every engine.</summary>
internal sealed class MatrixCommand
{
    private readonly CommandEnvironment _environment;
    private readonly Option<string> _cpu = new("--cpu")
    {
        Description = "Processor model: a name, or a model file (*.json)",
        HelpName = "M",
        DefaultValueFactory = _ => ScenarioContext.DefaultCpu,
    };

    private readonly Option<string[]> _engine = new("--engine") { Description = "Only these engines, separated by commas, or all", HelpName = "E,..." };
    private readonly Option<MatrixMode> _mode = CommandOptions.OneOf<MatrixMode>("--mode", "Mode of the guest (default: protected)");
    private readonly Option<Side> _side = CommandOptions.OneOf<Side>("--side", "Whose instructions: the kernel's or, in protected mode, a user's (default: supervisor)");
    private readonly Option<string[]> _family = new("--family")
    {
        Description = "Only these families, separated by commas (popf, mov sreg, call far, ...), a line for each",
        HelpName = "NAME,...",
    };

    private readonly Option<MatrixFormat> _format = CommandOptions.OneOf<MatrixFormat>("--format", "Form of the result (default: console)");
    private readonly Option<string?> _out = ResultFile.Option();
    private readonly Option<int> _parallel = CommandOptions.Parallel();

    private MatrixCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _cpu.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Cpus));
        _engine.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Engines));
        foreach (var option in (Option[])[_cpu, _engine, _mode, _side, _family, _format, _out, _parallel])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>No guest starts in virtual-8086 mode.</summary>
    private enum MatrixMode
    {
        Protected,
        Real,
    }

    private enum MatrixFormat
    {
        Console,
        Markdown,
        Json,
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("matrix", "Runs every sensitive instruction form under every engine: direct, direct but wrong, trap, exit");
        command.SetAction(new MatrixCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var cpu = CommandOptions.Cpu(_environment, parsed.GetValue(_cpu)!);
        var chosen = Names(parsed, _engine);
        foreach (var name in chosen.Where(n => n != "all"))
        {
            CommandOptions.Expect("--engine", name, _environment.Catalog.Engines, "all");
        }

        var mode = parsed.GetValue(_mode) == MatrixMode.Real ? GuestMode.Real : GuestMode.Protected;
        if (mode == GuestMode.Real && parsed.GetValue(_side) == Side.User)
        {
            throw new CommandException(ExitCode.Usage, "--side: real-address mode has no user; expected supervisor");
        }

        var all = chosen.Count == 0 || chosen.Contains("all");
        var engines = EngineRegistry.All.Where((e, i) => i == 0 || all || chosen.Contains(e.Name)).ToList();
        var model = ModelRegistry.Load(cpu);
        var families = Families(parsed, model, mode);
        var result = new ResultFile(_environment, parsed.GetValue(_out), cpu);
        IReadOnlyList<MatrixRecord> rows;
        try
        {
            rows = MatrixRunner.Run(
                model, mode, parsed.GetValue(_side), engines, families.Count == 0 ? null : f => families.Contains(FormGroup.FamilyOf(f)),
                new ParallelExecutor(parsed.GetValue(_parallel), TimeSpan.MaxValue), _environment.Cancellation);
        }
        catch (OperationCanceledException) when (_environment.Cancellation.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Cancelled, "cancelled; nothing is written");
        }

        if (families.Count > 0)
        {
            rows = [.. rows.OrderBy(r => families.IndexOf(r.Family))];
        }

        result.Write(Render(parsed, rows, families.Count > 0));
        return ExitCode.Success;
    }

    private static List<string> Names(ParseResult parsed, Option<string[]> option) =>
        [.. (parsed.GetValue(option) ?? []).SelectMany(v => v.Split(',', StringSplitOptions.TrimEntries)).Distinct()];

    private List<string> Families(ParseResult parsed, ProcessorModel model, GuestMode mode)
    {
        var families = Names(parsed, _family);
        var known = FormCatalog.Of(model, mode).Select(FormGroup.FamilyOf).Distinct().Order(StringComparer.Ordinal).ToList();
        return families.Find(f => !known.Contains(f)) is { } unknown
            ? throw new CommandException(ExitCode.Usage, $"--family: expected one of {string.Join(", ", known)}; found '{unknown}'")
            : families;
    }

    private string Render(ParseResult parsed, IReadOnlyList<MatrixRecord> rows, bool byFamily) => parsed.GetValue(_format) switch
    {
        MatrixFormat.Json => string.Concat(rows.Select(row => RecordWriter.Line(row) + "\n")),
        MatrixFormat.Markdown => Report.MatrixMarkdown(rows, byFamily),
        _ => Report.Matrix(rows, byFamily),
    };
}
