using System.Globalization;
using System.Text.Json;

namespace Harness.Machine;

/// <summary>
/// A value of a model file that knows where it stands. One that is missing or not as expected is a <see cref="ModelException"/> that names file and key, what was
/// expected and what was found.
/// </summary>
/// <param name="source">Names the file.</param>
/// <param name="within">The object or list that holds it; null: it is the root.</param>
/// <param name="key">From there: the key, or null in a list.</param>
/// <param name="index">In a list, from 0.</param>
/// <param name="element">The value; undefined: it is missing.</param>
internal sealed class ModelValue(string source, ModelValue? within, string? key, int index, JsonElement element)
{
    private const int MostShown = 60;

    /// <summary>The root of a file.</summary>
    public ModelValue(string source, JsonElement root)
        : this(source, null, "", 0, root)
    {
    }

    public bool IsMissing => element.ValueKind == JsonValueKind.Undefined;

    /// <summary>What an object holds under a key; it may be missing.</summary>
    public ModelValue this[string name] => element.ValueKind == JsonValueKind.Object
        ? new(source, this, name, 0, element.TryGetProperty(name, out JsonElement value) ? value : default)
        : throw Wrong("an object");

    /// <summary>Checks that the value is an object with no other keys: one that is misspelt would be taken as left out. None stands twice.</summary>
    public void Expect(string[] known)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("an object");
        }

        var seen = new HashSet<string>(known.Length, StringComparer.Ordinal);
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string name = property.Name;
            if (!known.Contains(name))
            {
                throw Wrong($"no keys but {string.Join(", ", known)}", Shown(name));
            }

            if (!seen.Add(name))
            {
                throw Wrong("each key once", $"{Shown(name)} again");
            }
        }

        static string Shown(string name) => $"the key {Short($"\"{JsonEncodedText.Encode(name)}\"")}";
    }

    public IReadOnlyList<ModelValue> Items() => element.ValueKind == JsonValueKind.Array
        ? [.. element.EnumerateArray().Select((item, i) => new ModelValue(source, this, null, i, item))]
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

    public uint Hexadecimal32() => (uint)Hexadecimal("a text of 1 to 8 hexadecimal digits, 32 bits", 8);

    public ulong Hexadecimal64() => Hexadecimal("a text of 1 to 16 hexadecimal digits, 64 bits", 16);

    /// <summary>One name of an enumeration; neither its number nor several names.</summary>
    public T OneOf<T>()
        where T : struct, Enum => OneOf("one of", Enum.GetValues<T>());

    /// <summary>One of some names of an enumeration.</summary>
    /// <param name="expected">What they are, before a list of them.</param>
    /// <param name="known">The members.</param>
    public T OneOf<T>(string expected, IEnumerable<T> known)
        where T : struct, Enum
    {
        return element.ValueKind == JsonValueKind.String && element.GetString() is { } name && Enum.IsDefined(typeof(T), name) && known.Contains(Enum.Parse<T>(name))
            ? Enum.Parse<T>(name)
            : throw Wrong($"{expected} {string.Join(", ", known.Select(k => k.ToString()).Order(StringComparer.Ordinal))}");
    }

    public ModelException Wrong(string expected) => Wrong(expected, Found());

    /// <summary>For a list in which something is missing: that it is a list tells nobody what.</summary>
    public ModelException Wrong(string expected, string found) => new($"{source}: {(within is null ? "the whole" : Path)}: expected {expected}; found {found}");

    // Keys and positions from the root, such as msrs[3].number; put together only for a message, for a file may have a great many values.
    private string Path => within is null ? ""
        : key is null ? string.Create(CultureInfo.InvariantCulture, $"{within.Path}[{index}]")
        : within.Path is { Length: > 0 } before ? $"{before}.{key}"
        : key;

    // The parser would pass over any number of zeros at the front.
    private ulong Hexadecimal(string expected, int digits)
    {
        string text = Text(expected);
        return text.Length <= digits && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number) ? number : throw Wrong(expected);
    }

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
        return Short(text);
    }

    private static string Short(string text) => text.Length <= MostShown ? text : text[..MostShown] + "...";
}
