using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace Harness.Scenarios;

/// <summary>The hexadecimal column of a NASM listing (NASM manual, option -l): line number, address, bytes, source.</summary>
internal static partial class NasmListing
{
    private const int MaximumBytes = 16 << 20;

    /// <summary>The bytes in order. Values in brackets are relative to the section: <paramref name="origin"/> is added to them.</summary>
    public static byte[] Parse(string text, string file, uint origin)
    {
        List<byte> bytes = [];
        var field = new StringBuilder();
        int number = 0;
        int lines = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            Match match = Line().Match(line);
            if (!match.Success)
            {
                continue;
            }

            lines++;
            string where = $"{file}({number.ToString(CultureInfo.InvariantCulture)})";
            if (field.Length == 0)
            {
                CheckAddress(match.Groups["address"].Value, bytes.Count, where);
            }

            string part = match.Groups["bytes"].Value;
            bool continues = part.EndsWith('-');
            field.Append(continues ? part[..^1] : part);
            if (!continues)
            {
                ParseField(field.ToString(), where, origin, bytes);
                field.Clear();
            }
        }

        return lines != 0
            ? [.. bytes]
            : throw new GuestBuildException($"{file}: expected lines of a NASM listing (number, 8-digit address, bytes, source; made by nasm -l), found none.");
    }

    [GeneratedRegex(@"^ *[0-9]+ (?<address>[0-9A-F]{8}) (?<bytes>(?:<[a-z]+ [0-9A-F]+h>|[^\s<])+|<\S*)", RegexOptions.CultureInvariant)]
    private static partial Regex Line();

    // A run of bytes, of unknown (reserved) bytes, a relocated value, a repetition of the whole line, or reserved space.
    [GeneratedRegex(
        @"\G(?:(?<hex>(?:[0-9A-F]{2})+)|(?<unknown>(?:\?\?)+)|\[(?<absolute>(?:[0-9A-F]{2})+)\]"
        + @"|<rep (?<repeat>[0-9A-F]+)h>$|<res (?<reserve>[0-9A-F]+)h>)",
        RegexOptions.CultureInvariant)]
    private static partial Regex Item();

    private static void CheckAddress(string hex, int expected, string where)
    {
        uint address = uint.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        if (address != (uint)expected)
        {
            throw new GuestBuildException(
                $"{where}: expected address {expected:X8}, found {address:X8}: "
                + "a listing must hold one section without gaps; otherwise load the binary by FromFile.");
        }
    }

    private static void ParseField(string field, string where, uint origin, List<byte> bytes)
    {
        int start = bytes.Count;
        for (int at = 0; at < field.Length;)
        {
            Match item = Item().Match(field, at);
            if (!item.Success)
            {
                throw new GuestBuildException(
                    $"{where}: expected bytes in hexadecimal, [relocated], <rep Nh> at the end, or <res Nh>; found "
                    + $"\"{field[at..Math.Min(at + 40, field.Length)]}\": load the binary by FromFile instead.");
            }

            if (item.Groups["hex"].Success)
            {
                bytes.AddRange(Convert.FromHexString(item.Groups["hex"].Value));
            }
            else if (item.Groups["unknown"].Success)
            {
                bytes.AddRange(new byte[item.Length / 2]);
            }
            else if (item.Groups["absolute"].Success)
            {
                bytes.AddRange(Relocate(Convert.FromHexString(item.Groups["absolute"].Value), where, origin));
            }
            else if (item.Groups["repeat"].Success)
            {
                byte[] once = [.. bytes[start..]];
                long count = Count(item.Groups["repeat"].Value, once.Length, start, where);
                bytes.RemoveRange(start, once.Length);
                for (long i = 0; i < count; i++)
                {
                    bytes.AddRange(once);
                }
            }
            else
            {
                bytes.AddRange(new byte[Count(item.Groups["reserve"].Value, 1, bytes.Count, where)]);
            }

            at += item.Length;
        }
    }

    private static byte[] Relocate(byte[] value, string where, uint origin)
    {
        switch (value.Length)
        {
            case 2:
                BinaryPrimitives.WriteUInt16LittleEndian(value, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(value) + origin));
                return value;
            case 4:
                BinaryPrimitives.WriteUInt32LittleEndian(value, BinaryPrimitives.ReadUInt32LittleEndian(value) + origin);
                return value;
            default:
                throw new GuestBuildException($"{where}: expected a relocated value of 2 or 4 bytes, found {value.Length}.");
        }
    }

    // A limit on the total keeps a small listing from filling memory.
    private static long Count(string hex, int size, int already, string where) =>
        long.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long count)
        && count is > 0 and <= MaximumBytes && already + count * size <= MaximumBytes
            ? count
            : throw new GuestBuildException($"{where}: expected a repetition that leaves the guest within {MaximumBytes} bytes, found {hex}h.");
}
