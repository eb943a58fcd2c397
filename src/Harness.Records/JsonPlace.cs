using System.Text;
using System.Text.Json;

namespace Harness.Records;

/// <summary>Finds values of a JSON text again, for messages about them: objects that were read do not know their lines.</summary>
internal static class JsonPlace
{
    /// <summary>The line, from 1, of the value at a place such as <c>modes[0].forms[3].name</c>; of what would hold it when it is missing.</summary>
    public static int LineOf(ReadOnlySpan<byte> json, string place)
    {
        var reader = new Utf8JsonReader(json);
        var around = new Stack<Container>();
        string name = "";
        int nearest = 1;
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
                        return Line(json, reader);
                    }

                    if (here.Length > 0 && place.Length > here.Length && (place[here.Length] is '.' or '[') && place.StartsWith(here, StringComparison.Ordinal))
                    {
                        nearest = Line(json, reader);
                    }

                    if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                    {
                        around.Push(new Container(here, reader.TokenType == JsonTokenType.StartArray));
                    }

                    break;
            }
        }

        return nearest;
    }

    private static int Line(ReadOnlySpan<byte> json, Utf8JsonReader reader) => 1 + json[..(int)reader.TokenStartIndex].Count((byte)'\n');

    private sealed class Container(string place, bool isArray)
    {
        private int _index;

        public string Next(string name) => isArray ? $"{place}[{_index++}]" : place.Length == 0 ? name : $"{place}.{name}";
    }
}
