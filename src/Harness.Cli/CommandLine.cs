using System.CommandLine;
using System.CommandLine.Invocation;
using Harness.Cli.Commands;

namespace Harness.Cli;

/// <summary>The whole command line: parses, runs the command, and maps whatever happens to an exit code.</summary>
public static class CommandLine
{
    /// <summary>Runs one invocation and returns its exit code; no exception leaves it.</summary>
    public static int Run(IReadOnlyList<string> arguments, CommandEnvironment environment)
    {
        try
        {
            var parsed = Root(environment).Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
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

    private static RootCommand Root(CommandEnvironment environment)
    {
        var root = new RootCommand("Runs scenarios of virtual machines and shows every trap and exit.");
        Command[] commands =
        [
            RunCommand.Create(environment),
            ListCommand.Create(environment),
            NewCommand.Create(environment),
            AcceptCommand.Create(environment),
            DiffCommand.Create(environment),
            ReportCommand.Create(environment),
            ClassifyCommand.Create(environment),
            MatrixCommand.Create(environment),
            TraceCommand.Create(environment),
            DivergeCommand.Create(environment),
            BootCommand.Create(environment),
        ];
        foreach (var command in commands)
        {
            root.Subcommands.Add(command);
        }

        return root;
    }

    private static IEnumerable<string> Path(System.CommandLine.Parsing.CommandResult command) =>
        command.Parent is System.CommandLine.Parsing.CommandResult parent ? Path(parent).Append(command.Command.Name) : ["harness"];
}
