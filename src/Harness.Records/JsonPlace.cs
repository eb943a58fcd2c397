using System.Text;
using System.Text.Json;

namespace Harness.Records;

/// <summary>Finds values of a JSON text again, for messages about them: objects that were read do not know their lines.</summary>
internal static class JsonPlace
{
    private const int MostShown = 60;

    /// <summary>The line, from 1, of the value at a place such as <c>modes[0].forms[3].name</c>; of what would hold it when it is missing.</summary>
    public static int LineOf(ReadOnlySpan<byte> json, string place)
    {
        _ = Find(json, place, out int nearest, out _);
        return 1 + json[..nearest].Count((byte)'\n');
    }

    /// <summary>The value at a place, as a message shows it; null when it is missing.</summary>
    public static string? Shown(ReadOnlySpan<byte> json, string place)
    {
        if (!Find(json, place, out int nearest, out Utf8JsonReader value))
        {
            return null;
        }

        string text = value.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            _ => Encoding.UTF8.GetString(json[nearest..(int)value.BytesConsumed]),
        };
        return text.Length <= MostShown ? text : text[..MostShown] + "...";
    }

    /// <summary>Looks for the value at a place.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">The place.</param>
    /// <param name="nearest">Becomes where it begins, or if it is missing the smallest value that would hold it.</param>
    /// <param name="value">At the first token of the value.</param>
    private static bool Find(ReadOnlySpan<byte> json, string place, out int nearest, out Utf8JsonReader value)
    {
        nearest = 0;
        var reader = new Utf8JsonReader(json);
        var around = new Stack<Container>();
        string name = "";
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    name = Encoding.UTF8.GetString(reader.ValueSpan);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    around.Pop();
                    break;
                default:
                    string here = around.TryPeek(out Container? container) ? container.Next(name) : "";
                    if (here == place)
                    {
                        nearest = (int)reader.TokenStartIndex;
                        value = reader;
                        return true;
                    }

                    if (here.Length > 0 && place.Length > here.Length && (place[here.Length] is '.' or '[') && place.StartsWith(here, StringComparison.Ordinal))
                    {
                        nearest = (int)reader.TokenStartIndex;
                    }

                    if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                    {
                        around.Push(new Container(here, reader.TokenType == JsonTokenType.StartArray));
                    }

                    break;
            }
        }

        value = reader;
        return false;
    }

    private sealed class Container(string place, bool isArray)
    {
        private int _index;

        public string Next(string name) => isArray ? $"{place}[{_index++}]" : place.Length == 0 ? name : $"{place}.{name}";
    }
}
