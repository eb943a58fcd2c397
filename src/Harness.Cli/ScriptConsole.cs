using System.Text;
using Harness.Records;

namespace Harness.Cli;

/// <summary>
/// The console of scripts. Standard output holds the results alone, and pieces of work run side by side: so what a piece prints is kept with the piece, and shown on
/// standard error when its turn comes. What is printed outside of any piece goes to standard error at once.
/// </summary>
internal sealed class ScriptConsole : TextWriter
{
    private static readonly AsyncLocal<PrintedText?> Current = new();
    private readonly TextWriter _otherwise;

    private ScriptConsole(TextWriter otherwise)
    {
        _otherwise = otherwise;
        CoreNewLine = ['\n'];
    }

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Takes <see cref="Console.Out"/> and <see cref="Console.Error"/> of the process, which the harness itself does not use.</summary>
    public static void Install(TextWriter error)
    {
        var console = new ScriptConsole(error);
        Console.SetOut(console);
        Console.SetError(console);
    }

    /// <summary>Runs a piece of work and keeps what it prints.</summary>
    public static void Keep(PrintedText printed, Action work)
    {
        Current.Value = printed;
        try
        {
            work();
        }
        finally
        {
            Current.Value = null;
        }
    }

    /// <inheritdoc/>
    public override void Write(char value) => Write([value]);

    /// <inheritdoc/>
    public override void Write(string? value) => Write(value.AsSpan());

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (Current.Value is { } printed)
        {
            printed.Append(buffer);
        }
        else
        {
            _otherwise.Write(buffer);
        }
    }
}

/// <summary>What one piece of work has printed. It may still be printing when it is shown: a piece that does not return is given up on.</summary>
internal sealed class PrintedText
{
    private const int MostCharacters = 1 << 20;

    private readonly StringBuilder _text = new();
    private bool _isCut;

    /// <summary>Keeps a text, up to a limit: a script may print without end.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        lock (_text)
        {
            var room = MostCharacters - _text.Length;
            _isCut |= text.Length > room;
            _text.Append(text[..Math.Min(text.Length, room)]);
        }
    }

    /// <summary>Writes it line by line, behind the id of who printed it.</summary>
    public void Show(TextWriter writer, string id)
    {
        string text;
        lock (_text)
        {
            text = _text.ToString();
        }

        foreach (var line in Printable.Lines(text))
        {
            writer.WriteLine($"{id}: {line}");
        }

        if (_isCut)
        {
            writer.WriteLine($"{id}: (more was printed and is left out)");
        }
    }
}
