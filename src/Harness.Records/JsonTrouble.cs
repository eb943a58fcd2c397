using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Harness.Records;

/// <summary>What the serializer says against a JSON text, in words about the text: its own name the types that the text was to become.</summary>
internal static class JsonTrouble
{
    private const string Lacks = "missing required properties including: ";

    /// <summary>The place, what was expected there and what was found, or what is missing; the serializer's own words where they are about the text.</summary>
    /// <param name="e">What it threw.</param>
    /// <param name="json">The text.</param>
    /// <param name="root">What the text was to become.</param>
    public static string Of(JsonException e, ReadOnlySpan<byte> json, JsonTypeInfo root)
    {
        int lacks = e.Message.IndexOf(Lacks, StringComparison.Ordinal);
        int twice = e.Message.IndexOf(" encountered during deserialization", StringComparison.Ordinal);
        bool isValue = e.Message.Contains("could not be converted", StringComparison.Ordinal) || e.Message.Contains("allow null values", StringComparison.Ordinal);
        string place = e.Path?.TrimStart('$').TrimStart('.') ?? "";
        return isValue && Expected(root, place) is { } expected && JsonPlace.Shown(json, place) is { } found ? $"{place}: expected {expected}, found {found}."
            : lacks >= 0 ? $"an object lacks {WithoutPlace(e.Message[(lacks + Lacks.Length)..])}"
            : twice >= 0 ? $"{e.Message[..twice]}."
            : WithoutPlace(e.Message);
    }

    // The parser puts the place in the line, counted from 0, at the end of its own words.
    private static string WithoutPlace(string message)
    {
        int end = message.IndexOf("LineNumber:", StringComparison.Ordinal);
        return end < 0 ? message : message[..end].TrimEnd(' ', '|');
    }

    private static string? Expected(JsonTypeInfo root, string place)
    {
        JsonTypeInfo type = root;
        foreach (string part in place.Split(['.', '['], StringSplitOptions.RemoveEmptyEntries))
        {
            Type? next = part.EndsWith(']') ? type.ElementType : type.Properties.FirstOrDefault(p => p.Name == part)?.PropertyType;
            if (next is null)
            {
                return null;
            }

            type = type.Options.GetTypeInfo(next);
        }

        Type value = Nullable.GetUnderlyingType(type.Type) ?? type.Type;
        return value == typeof(string) ? "a text"
            : value == typeof(bool) ? "true or false"
            : value == typeof(int) ? "a whole number of 32 bits"
            : value == typeof(long) ? "a whole number of 64 bits"
            : type.Kind == JsonTypeInfoKind.Enumerable ? "a list"
            : type.Kind == JsonTypeInfoKind.Object ? "an object"
            : null;
    }
}
