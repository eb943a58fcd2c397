using System.Globalization;
using Harness.Scenarios;

namespace Harness.Running;

/// <summary>Commands that users can copy.</summary>
internal static class ReproductionCommand
{
    /// <summary>The command on one scenario, with the options of the invocation.</summary>
    public static string For(RunItem item, string command, string? engine, RunOptions options)
    {
        var target = command == "run" ? $"{item.Script} --filter {item.Id}" : item.Id;
        var engines = engine is null ? "" : command == "diverge" ? $" --engines bare,{engine}" : $" --engine {engine}";
        return string.Create(CultureInfo.InvariantCulture, $"harness {command} {target}{engines}{Overrides(options)}");
    }

    private static string Overrides(RunOptions options) => string.Concat(
        options.Cpu is { } cpu ? $" --cpu {cpu}" : "",
        options.Cost is { } cost ? $" --cost {cost}" : "",
        options.Seed is { } seed ? string.Create(CultureInfo.InvariantCulture, $" --seed {seed}") : "",
        options.MaxInstructions is { } budget ? string.Create(CultureInfo.InvariantCulture, $" --max-instructions {budget}") : "");
}
