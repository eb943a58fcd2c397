using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using Harness.Machine;
using Harness.Scenarios;

namespace Harness.Cli;

/// <summary>One part of a whole that is split for several computers.</summary>
/// <param name="Index">From 1 to <paramref name="Count"/>.</param>
/// <param name="Count">From 1.</param>
internal readonly record struct Shard(int Index, int Count)
{
    /// <summary>Whether the item at <paramref name="position"/> (from 0) of the whole belongs to this part.</summary>
    public bool Has(int position) => position % Count == Index - 1;
}

/// <summary>Options that several commands share, each described once. A command adds those it obeys.</summary>
internal static class CommandOptions
{
    public static Argument<string[]> Paths() => new("PATH")
    {
        Description = "Scripts and folders of scripts (default: scenarios)",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public static Option<string?> Filter() => new("--filter")
    {
        Description = "Only scenarios whose id matches: * is any text, ? any character",
        HelpName = "GLOB",
    };

    public static Option<Shard?> ShardOption()
    {
        return new Option<Shard?>("--shard")
        {
            Description = "Only part I of N parts",
            HelpName = "I/N",
            CustomParser = result =>
            {
                var parts = result.Tokens[0].Value.Split('/');
                if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                    && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && index >= 1 && index <= count)
                {
                    return new Shard(index, count);
                }

                result.AddError($"--shard: expected I/N with 1 <= I <= N, found '{result.Tokens[0].Value}'");
                return null;
            },
        };
    }

    public static Option<int> Parallel(string what = "Scenarios") => AtLeastOne(new Option<int>("--parallel")
    {
        Description = $"{what} at a time (default: one for each processor); the output is the same for every number",
        HelpName = "N",
        DefaultValueFactory = _ => System.Environment.ProcessorCount,
    });

    public static Option<int> Timeout() => AtLeastOne(new Option<int>("--timeout")
    {
        Description = "Host seconds that a scenario, or loading a script, may take (default: 60)",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 60,
    });

    public static Option<bool> Quiet() => new("--quiet", "-q") { Description = "Only what is not as it should be" };

    public static Option<bool> Verbose() => new("--verbose", "-v") { Description = "Also what scenarios log, on standard error" };

    public static Option<T> OneOf<T>(string name, string description)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToArray();
        return new Option<T>(name)
        {
            Description = description,
            HelpName = string.Join('|', names),
            CustomParser = result =>
            {
                var given = result.Tokens[0].Value;
                var index = Array.IndexOf(names, given);
                if (index < 0)
                {
                    result.AddError($"{name}: expected {string.Join(", ", names)}; found '{given}'");
                    return default;
                }

                return Enum.GetValues<T>()[index];
            },
        };
    }

    /// <summary>Completions for a name.</summary>
    public static IEnumerable<CompletionItem> Names(IReadOnlyList<CatalogEntry> entries) => entries.Select(e => new CompletionItem(e.Name));

    /// <summary>Checks a name against the catalogue.</summary>
    /// <exception cref="CommandException">It is not there.</exception>
    public static void Expect(string option, string given, IReadOnlyList<CatalogEntry> known, params string[] also)
    {
        if (!known.Any(e => e.Name == given))
        {
            throw new CommandException(ExitCode.Usage, $"{option}: expected one of {string.Join(", ", known.Select(e => e.Name).Concat(also))}; found '{given}'");
        }
    }

    /// <summary>What a processor model is loaded by: a name of the catalogue, or the full path of the user's model file (<c>*.json</c>), which is read to see whether it is one.</summary>
    /// <exception cref="CommandException">It is neither.</exception>
    public static string Cpu(CommandEnvironment environment, string given)
    {
        if (!ModelRegistry.IsFile(given))
        {
            Expect("--cpu", given, environment.Catalog.Cpus, "a model file (*.json)");
            return given;
        }

        try
        {
            var path = environment.FullPath(given);
            ModelRegistry.Load(path);
            return path;
        }
        catch (ModelException e)
        {
            throw new CommandException(ExitCode.Usage, $"--cpu: {e.Message}");
        }
    }

    private static Option<int> AtLeastOne(Option<int> option)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value < 1)
            {
                result.AddError($"{option.Name}: expected a number from 1, found {value}");
            }
        });
        return option;
    }
}

/// <summary>The options that override what scenarios run with.</summary>
internal sealed class RunOptionSet
{
    private readonly CommandEnvironment _environment;
    private readonly Option<string[]> _engine = new("--engine")
    {
        Description = "Only these engines, separated by commas, or all; bare always runs",
        HelpName = "E,...",
    };

    private readonly Option<string?> _cpu = new("--cpu") { Description = "Processor model of every run: a name, or a model file (*.json)", HelpName = "M" };
    private readonly Option<string?> _cost = new("--cost") { Description = "Cost profile of every run", HelpName = "P" };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Seed of the random streams", HelpName = "N" };
    private readonly Option<long?> _maxInstructions = new("--max-instructions") { Description = "Budget of each run in guest ticks less halted ones", HelpName = "N" };

    /// <summary>Adds the options; <paramref name="engines"/>: <c>--engine</c> too.</summary>
    public RunOptionSet(Command command, CommandEnvironment environment, bool engines = true)
    {
        _environment = environment;
        _engine.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Engines));
        _cpu.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Cpus));
        _cost.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Costs));
        foreach (var option in (Option[])[.. engines ? [_engine] : Array.Empty<Option>(), _cpu, _cost, _seed, _maxInstructions])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The options as the scenarios see them.</summary>
    /// <exception cref="CommandException">A name is not in the catalogue, or a number is out of range.</exception>
    public RunOptions Read(ParseResult parsed)
    {
        var engines = (parsed.GetValue(_engine) ?? []).SelectMany(e => e.Split(',', StringSplitOptions.TrimEntries)).Distinct().ToArray();
        foreach (var engine in engines.Where(e => e != "all"))
        {
            CommandOptions.Expect("--engine", engine, _environment.Catalog.Engines, "all");
        }

        if (parsed.GetValue(_cost) is { } cost)
        {
            CommandOptions.Expect("--cost", cost, _environment.Catalog.Costs);
        }

        if (parsed.GetValue(_maxInstructions) is < 1 and var budget)
        {
            throw new CommandException(ExitCode.Usage, $"--max-instructions: expected a number from 1, found {budget}");
        }

        return new RunOptions
        {
            Engines = engines.Length == 0 || engines.Contains("all") ? null : engines,
            Cpu = parsed.GetValue(_cpu) is { } cpu ? CommandOptions.Cpu(_environment, cpu) : null,
            Cost = parsed.GetValue(_cost),
            Seed = parsed.GetValue(_seed),
            MaxInstructions = parsed.GetValue(_maxInstructions),
        };
    }
}
