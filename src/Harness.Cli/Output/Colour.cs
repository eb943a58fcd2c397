namespace Harness.Cli.Output;

/// <summary>Colours by meaning (ECMA-48, SGR); plain text where they are not welcome.</summary>
internal static class Colour
{
    public static string Good(CommandEnvironment environment, string text) => Paint(environment, text, 32);

    public static string Bad(CommandEnvironment environment, string text) => Paint(environment, text, 31);

    public static string Faint(CommandEnvironment environment, string text) => Paint(environment, text, 2);

    private static string Paint(CommandEnvironment environment, string text, int rendition) =>
        environment.Colours ? $"\e[{rendition}m{text}\e[0m" : text;
}
