using System.CommandLine;
using System.CommandLine.Parsing;

namespace Harness.Cli;

/// <summary>Options and arguments that are paths. An empty one is refused here, for it would mean the working folder: a variable of a shell that is not set becomes it.</summary>
internal static class PathOptions
{
    /// <summary>An option that takes one path.</summary>
    public static Option<string?> One(string name, string description, string helpName = "FILE") => Checked(new Option<string?>(name) { Description = description, HelpName = helpName });

    /// <summary>An option that takes a path each time that it is given.</summary>
    public static Option<string[]> Many(string name, string description, string helpName = "FILE") => Checked(new Option<string[]>(name) { Description = description, HelpName = helpName });

    /// <summary>Makes an argument refuse empty paths.</summary>
    public static Argument<T> Checked<T>(Argument<T> argument)
    {
        argument.Validators.Add(result => Check(result, argument.Name));
        return argument;
    }

    /// <summary>Checks a path that is a part of what an option takes.</summary>
    /// <exception cref="CommandException">It is empty.</exception>
    public static string Expect(string option, string path) => IsMissing(path) ? throw new CommandException(ExitCode.Usage, Complaint(option, path)) : path;

    private static Option<T> Checked<T>(Option<T> option)
    {
        option.Validators.Add(result => Check(result, option.Name));
        return option;
    }

    private static void Check(SymbolResult result, string name)
    {
        foreach (var token in result.Tokens.Where(t => IsMissing(t.Value)))
        {
            result.AddError(Complaint(name, token.Value));
        }
    }

    private static bool IsMissing(string path) => string.IsNullOrWhiteSpace(path);

    private static string Complaint(string name, string path) => $"{name}: expected a path, found {(path.Length == 0 ? "an empty one" : "blanks")} (an unset variable?)";
}
