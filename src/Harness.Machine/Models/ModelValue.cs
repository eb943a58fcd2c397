using System.Globalization;
using System.Text.Json;

namespace Harness.Machine;

/// <summary>
/// A value of a model file that knows where it stands. One that is missing or not as expected is a <see cref="ModelException"/> that names file and key, what was
/// expected and what was found.
/// </summary>
/// <param name="source">Names the file.</param>
/// <param name="path">Keys and positions (from 0) from the root, such as <c>msrs[3].number</c>; empty: the root.</param>
/// <param name="element">The value; undefined: it is missing.</param>
internal sealed class ModelValue(string source, string path, JsonElement element)
{
    private const int Shown = 60;

    public bool IsMissing => element.ValueKind == JsonValueKind.Undefined;

    /// <summary>What an object holds under a key; it may be missing.</summary>
    public ModelValue this[string key] => element.ValueKind == JsonValueKind.Object
        ? new(source, path.Length == 0 ? key : $"{path}.{key}", element.TryGetProperty(key, out JsonElement value) ? value : default)
        : throw Wrong("an object");

    public IReadOnlyList<ModelValue> Items() => element.ValueKind == JsonValueKind.Array
        ? [.. element.EnumerateArray().Select((item, i) => new ModelValue(source, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), item))]
        : throw Wrong("a list");

    public string Text() => Text("a text");

    /// <summary>A text of one or more letters, digits, dots, hyphens and underscores.</summary>
    public string Name()
    {
        const string expected = "a name of the characters A-Z, a-z, 0-9, '.', '_' and '-'";
        string text = Text(expected);
        return text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') ? text : throw Wrong(expected);
    }

    /// <summary>A decimal number, both ends included.</summary>
    public long Number(long least, long most) => element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long number) && number >= least && number <= most
        ? number
        : throw Wrong(least == most
            ? string.Create(CultureInfo.InvariantCulture, $"the number {least}")
            : string.Create(CultureInfo.InvariantCulture, $"a number from {least:N0} to {most:N0}"));

    public uint Hexadecimal32()
    {
        const string expected = "a text of hexadecimal digits, at most 32 bits";
        return uint.TryParse(Text(expected), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint number) ? number : throw Wrong(expected);
    }

    public ulong Hexadecimal64()
    {
        const string expected = "a text of hexadecimal digits, at most 64 bits";
        return ulong.TryParse(Text(expected), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number) ? number : throw Wrong(expected);
    }

    /// <summary>One name of an enumeration; neither its number nor several names.</summary>
    public T OneOf<T>()
        where T : struct, Enum
    {
        return element.ValueKind == JsonValueKind.String && element.GetString() is { } name && Enum.IsDefined(typeof(T), name)
            ? Enum.Parse<T>(name)
            : throw Wrong($"one of {string.Join(", ", Enum.GetNames<T>().Order(StringComparer.Ordinal))}");
    }

    public ModelException Wrong(string expected) => new($"{source}: {(path.Length == 0 ? "the whole" : path)}: expected {expected}; found {Found()}");

    private string Text(string expected) => element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Wrong(expected);

    private string Found()
    {
        string text = element.ValueKind switch
        {
            JsonValueKind.Undefined => "nothing",
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            _ => element.GetRawText(),
        };
        return text.Length <= Shown ? text : text[..Shown] + "...";
    }
}
