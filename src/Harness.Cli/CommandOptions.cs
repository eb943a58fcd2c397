using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using Harness.Machine;
using System.Numerics;
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
    public static Argument<string[]> Paths() => PathOptions.Checked(new Argument<string[]>("PATH")
    {
        Description = "Scripts, folders of scripts, and ids of scenarios, scripts and topics in scenarios, the topic left out where one script has the name (default: scenarios)",
        Arity = ArgumentArity.ZeroOrMore,
    });

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

    public static Option<int> Parallel(string what = "Scenarios") => Number<int>(
        "--parallel", $"{what} at a time (default: one for each processor); the output is the same for every number", "N", 1, int.MaxValue, System.Environment.ProcessorCount);

    public static Option<int> Timeout() =>
        Number<int>("--timeout", "Host seconds that a scenario, or loading a script, may take", "SECONDS", 1, int.MaxValue, 60);

    public static Option<bool> Quiet() => new("--quiet", "-q") { Description = "Only what is not as it should be" };

    public static Option<bool> Verbose() => new("--verbose", "-v") { Description = "Also what scenarios log, on standard error, and each of many scenarios in the table of engines" };

    public static Option<T> OneOf<T>(string name, string description)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToArray();
        var option = new Option<T>(name)
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
        option.CompletionSources.Clear();
        option.CompletionSources.Add(names);
        return option;
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

    /// <summary>A decimal number of a range, both ends included, with a default.</summary>
    public static Option<T> Number<T>(string name, string description, string helpName, T least, T most, T initial)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = helpName,
            DefaultValueFactory = _ => initial,
            CustomParser = result => Parse(result, name, least, most) ?? initial,
        };

    /// <summary>A decimal number of a range, both ends included; null where it is not given.</summary>
    public static Option<T?> OptionalNumber<T>(string name, string description, string helpName, T least, T most)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result => Parse(result, name, least, most),
        };

    private static T? Parse<T>(ArgumentResult result, string name, T least, T most)
        where T : struct, INumber<T>
    {
        var given = result.Tokens[0].Value;
        if (T.TryParse(given, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }

        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: expected a number from {least} to {most}, found '{given}'"));
        return null;
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
    private readonly Option<ulong?> _seed = CommandOptions.OptionalNumber<ulong>(
        "--seed", "Seed of the random streams; no processor model draws from one yet, so it changes records only", "N", 0, ulong.MaxValue);

    private readonly Option<long?> _maxInstructions = CommandOptions.OptionalNumber<long>(
        "--max-instructions", "Budget of each run in guest ticks less halted ones", "N", 1, long.MaxValue);

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
    /// <exception cref="CommandException">A name is not in the catalogue.</exception>
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
