using System.CommandLine;
using System.Reflection;
using Harness.Cli.Output;
using Harness.Scripting;

namespace Harness.Cli.Commands;

/// <summary><c>new</c>: writes a scenario to start from, and the prelude that it loads if there is none.</summary>
internal sealed class NewCommand
{
    private readonly CommandEnvironment _environment;
    private readonly Argument<string> _name = new("NAME") { Description = "topic/file of the scenario, without extension" };

    private NewCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        command.Arguments.Add(_name);
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("new", $"Writes {ScriptWorkspace.DefaultFolder}/NAME.csx, a working scenario to start from");
        command.SetAction(new NewCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var name = parsed.GetValue(_name)!;
        var parts = name.Split('/');
        if (parts.Any(p => p.Length == 0 || !char.IsAsciiLetterOrDigit(p[0]) || !p.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) || parts[^1] + ".csx" == ScriptWorkspace.Prelude)
        {
            throw new CommandException(ExitCode.Usage, $"NAME: expected letters, digits, '-' and '_' after a letter or digit, with '/' between folders, and not the prelude; found '{name}'");
        }

        var folder = _environment.FullPath(ScriptWorkspace.DefaultFolder);
        var prelude = Path.Combine(folder, ScriptWorkspace.Prelude);
        var script = Path.Combine(folder, name + ".csx");
        if (File.Exists(script))
        {
            throw new CommandException(ExitCode.Usage, $"{ScriptWorkspace.DefaultFolder}/{name}.csx exists already; choose another NAME");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(script)!);
        if (!File.Exists(prelude))
        {
            WholeFile.WriteNew(prelude, Template("prelude.csx").Replace("{bin}", Assemblies(folder), StringComparison.Ordinal));
        }

        var up = string.Concat(Enumerable.Repeat("../", parts.Length - 1));
        WholeFile.WriteNew(script, Template("scenario.csx").Replace("{up}", up, StringComparison.Ordinal));
        _environment.Out.WriteLine($"{ScriptWorkspace.DefaultFolder}/{name}.csx");
        _environment.Error.WriteLine($"harness: now `harness run {ScriptWorkspace.DefaultFolder}/{name}.csx`");
        return ExitCode.Success;
    }

    // Only editors follow this path: the host knows its own assemblies. A relative one serves everybody who shares a repository.
    private string Assemblies(string folder)
    {
        var own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return (new ScriptWorkspace(_environment.WorkingFolder).IsAtOrAbove(".", own) ? Path.GetRelativePath(folder, own) : own).Replace(Path.DirectorySeparatorChar, '/');
    }

    private static string Template(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
