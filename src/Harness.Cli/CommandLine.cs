using System.CommandLine;
using System.CommandLine.Invocation;
using Harness.Cli.Commands;

namespace Harness.Cli;

/// <summary>The whole command line: parses, runs the command, and maps whatever happens to an exit code.</summary>
public static class CommandLine
{
    private static readonly (string Name, Func<CommandEnvironment, Command> Create)[] Commands =
    [
        ("run", RunCommand.Create),
        ("list", ListCommand.Create),
        ("new", NewCommand.Create),
        ("accept", AcceptCommand.Create),
        ("diff", DiffCommand.Create),
        ("report", ReportCommand.Create),
        ("classify", ClassifyCommand.Create),
        ("matrix", MatrixCommand.Create),
        ("trace", TraceCommand.Create),
        ("diverge", DivergeCommand.Create),
        ("boot", BootCommand.Create),
    ];

    /// <summary>Runs one invocation and returns its exit code; no exception leaves it.</summary>
    public static int Run(IReadOnlyList<string> arguments, CommandEnvironment environment)
    {
        try
        {
            var parsed = Root(environment, arguments.Count > 0 ? arguments[0] : null).Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Action is ParseErrorAction)
            {
                foreach (var problem in parsed.Errors)
                {
                    environment.Error.WriteLine($"harness: {problem.Message}");
                }

                environment.Error.WriteLine($"Try `{string.Join(' ', Path(parsed.CommandResult))} --help`.");
                return ExitCode.Usage;
            }

            return parsed.Invoke(new InvocationConfiguration
            {
                Output = environment.Out,
                Error = environment.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (CommandException e)
        {
            return Complain(environment, e.Message, e.Code);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Complain(environment, e.Message, ExitCode.Environment);
        }
        catch (Exception e)
        {
            return Complain(environment, $"a defect of the harness, not of a scenario or a guest; please report it.\n{e}", ExitCode.Defect);
        }
    }

    private static int Complain(CommandEnvironment environment, string message, int code)
    {
        try
        {
            environment.Error.WriteLine($"harness: {message}");
        }
        catch (IOException)
        {
            // Standard error is full or gone: the exit code is all that is left to say it.
        }

        return code;
    }

    private static RootCommand Root(CommandEnvironment environment, string? first)
    {
        var root = new RootCommand("Runs scenarios of virtual machines and shows every trap and exit.");
        foreach (var (name, create) in Commands)
        {
            // The others are built only where they may be asked for: help, completion, a name that is none.
            if (first == name || !Array.Exists(Commands, c => c.Name == first))
            {
                root.Subcommands.Add(create(environment));
            }
        }

        return root;
    }

    private static IEnumerable<string> Path(System.CommandLine.Parsing.CommandResult command) =>
        command.Parent is System.CommandLine.Parsing.CommandResult parent ? Path(parent).Append(command.Command.Name) : ["harness"];
}
