namespace Harness.Machine.Devices;

/// <summary>Turns text into the key strokes of a US keyboard.</summary>
public static class KeyboardText
{
    private const byte Break = 0xF0;
    private const byte LeftShift = 0x12;

    // Set 1 numbers the keys row by row; position 0 of each string is the code beside it.
    private static readonly (int First, string Plain, string Shifted)[] Rows =
    [
        (0x01, "\u001b1234567890-=\b\t", "\u001b!@#$%^&*()_+\b\t"),
        (0x10, "qwertyuiop[]\n", "QWERTYUIOP{}\n"),
        (0x1E, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
        (0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
        (0x39, " ", " "),
    ];

    /// <summary>The scan codes of set 2, makes and breaks, that type a text.</summary>
    /// <param name="text">Printable ASCII, \n for Enter, \b, \t and \u001b (Esc).</param>
    /// <exception cref="ArgumentException">A character has no key.</exception>
    public static byte[] ToScanCodes(string text)
    {
        var codes = new List<byte>();
        for (var i = 0; i < text.Length; i++)
        {
            var (key, shifted) = Find(text[i])
                ?? throw new ArgumentException($"Character U+{(int)text[i]:X4} at position {i} has no key on a US keyboard.", nameof(text));
            if (shifted)
            {
                codes.Add(LeftShift);
            }

            codes.AddRange([key, Break, key]);
            if (shifted)
            {
                codes.AddRange([Break, LeftShift]);
            }
        }

        return [.. codes];
    }

    private static (byte Key, bool Shifted)? Find(char character)
    {
        foreach (var (first, plain, shifted) in Rows)
        {
            var index = plain.IndexOf(character, StringComparison.Ordinal);
            var isShifted = index < 0;
            if (isShifted)
            {
                index = shifted.IndexOf(character, StringComparison.Ordinal);
            }

            if (index >= 0)
            {
                return (ScanCodes.ToSet2((byte)(first + index)), isShifted);
            }
        }

        return null;
    }
}
