using System.CommandLine;
using Harness.Cli.Output;
using Harness.Scenarios;

namespace Harness.Cli.Commands;

/// <summary><c>list</c>: what there is to run and to choose from. Runs no guest.</summary>
internal sealed class ListCommand
{
    private readonly CommandEnvironment _environment;
    private readonly ScenarioSelection _selection;
    private readonly Option<bool> _engines = new("--engines") { Description = "The engines instead" };
    private readonly Option<bool> _cpus = new("--cpus") { Description = "The processor models instead" };
    private readonly Option<bool> _costs = new("--costs") { Description = "The cost profiles instead" };

    private ListCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _selection = new ScenarioSelection(command, environment);
        command.Options.Add(_engines);
        command.Options.Add(_cpus);
        command.Options.Add(_costs);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("list", "Lists scenarios with the coverage ids they claim, and what these ids, and those that none claims, stand for");
        command.SetAction(new ListCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var catalog = _environment.Catalog;
        (Option<bool> Option, IReadOnlyList<CatalogEntry> Entries)[] catalogs = [(_engines, catalog.Engines), (_cpus, catalog.Cpus), (_costs, catalog.Costs)];
        var chosen = catalogs.Where(c => parsed.GetValue(c.Option)).SelectMany(c => c.Entries).ToList();
        if (catalogs.Any(c => parsed.GetValue(c.Option)))
        {
            TextTable.Write(_environment.Out, chosen.Select(e => (string[])[e.Name, e.Describe()]));
            return ExitCode.Success;
        }

        var selection = _selection.Load(parsed);
        var scenarios = selection.Items.Where(i => i.Declaration is not null).Select(i => i.Declaration!).ToList();
        TextTable.Write(_environment.Out, scenarios.Select(s => (string[])[s.Id, string.Join(',', s.Covers), s.Title]));
        if (selection.WholeRoots.Count > 0)
        {
            ListCoverage(scenarios);
        }

        return selection switch
        {
            { End.Cancelled: true } => ExitCode.Cancelled,
            _ when selection.Items.Any(i => i.Refused) => ExitCode.Usage,
            _ when selection.Items.Any(i => i.Failure is not null) => ExitCode.Failed,
            _ => ExitCode.Success,
        };
    }

    private void ListCoverage(List<ScenarioDeclaration> scenarios)
    {
        var covered = scenarios.SelectMany(s => s.Covers).ToHashSet(StringComparer.Ordinal);
        foreach (var (isCovered, words) in ((bool, string)[])[(true, "with a scenario"), (false, "without a scenario")])
        {
            var items = CoverageCatalog.All.Where(item => covered.Contains(item.Id) == isCovered).ToList();
            _environment.Out.WriteLine($"\n{items.Count} of {CoverageCatalog.All.Count} coverage ids {words}{(items.Count == 0 ? "" : ":")}");
            TextTable.Write(_environment.Out, items.Select(item => (string[])[item.Id, item.Title]));
        }
    }
}
