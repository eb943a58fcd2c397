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

    /// <summary>A model as the option takes it in the working folder; scenarios name files as seen from the folder of their own.</summary>
    public static string CpuOption(RunItem item, string cpu)
    {
        if (!ModelRegistry.IsFile(cpu) || Path.IsPathRooted(cpu))
        {
            return Quoted(cpu);
        }

        // The current folder only stands for the working folder, whose path is in neither: it makes one path of the two.
        var path = Path.GetRelativePath(".", Path.Combine(Path.GetDirectoryName(item.File)!, cpu));
        return Quoted(path.Replace(Path.DirectorySeparatorChar, '/'));
    }

    private static string Quoted(string path) => path.Any(char.IsWhiteSpace) ? $"\"{path}\"" : path;

    private static string Overrides(RunOptions options) => string.Concat(
        options.Cpu is { } cpu ? $" --cpu {cpu}" : "",
        options.Cost is { } cost ? $" --cost {cost}" : "",
        options.Seed is { } seed ? string.Create(CultureInfo.InvariantCulture, $" --seed {seed}") : "",
        options.MaxInstructions is { } budget ? string.Create(CultureInfo.InvariantCulture, $" --max-instructions {budget}") : "");
}
