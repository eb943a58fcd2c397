using System.Globalization;
using System.Text;

namespace Harness.Records;

/// <summary>Text from guests and scripts made safe to print: it cannot move a cursor, colour a terminal or break a file format.</summary>
public static class Printable
{
    /// <summary>
    /// The text with control and format characters, line ends, private and unassigned code points and lone surrogates as \u{hexadecimal}.
    /// Everything else, a backslash included, stays.
    /// </summary>
    public static string Escape(string text)
    {
        if (text.All(c => c is >= ' ' and <= '~'))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                AppendEscaped(result, text[i]);
                continue;
            }

            if (IsPrintable(rune))
            {
                result.Append(rune.ToString());
            }
            else
            {
                AppendEscaped(result, rune.Value);
            }

            i += rune.Utf16SequenceLength - 1;
        }

        return result.ToString();
    }

    /// <summary>The escaped lines of a text, whatever line ends it has; a final line end adds no line.</summary>
    public static IReadOnlyList<string> Lines(string text)
    {
        var lines = Normalize(text).Split('\n').Select(Escape).ToList();
        if (lines[^1].Length == 0)
        {
            lines.RemoveAt(lines.Count - 1);
        }

        return lines;
    }

    /// <summary>CRLF and CR as LF.</summary>
    internal static string Normalize(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate);

    private static void AppendEscaped(StringBuilder result, int value) =>
        result.Append(CultureInfo.InvariantCulture, $"\\u{{{value:X}}}");
}
