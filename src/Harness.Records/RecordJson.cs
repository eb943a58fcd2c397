using System.Text.Json;
using System.Text.Json.Serialization;

namespace Harness.Records;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    Converters = [typeof(OutcomeConverter), typeof(SnapshotVerdictConverter)],
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunRecord))]
[JsonSerializable(typeof(TimingRecord))]
[JsonSerializable(typeof(MatrixRecord))]
[JsonSerializable(typeof(ClassificationRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;

internal sealed class OutcomeConverter() : JsonStringEnumConverter<Outcome>(JsonNamingPolicy.CamelCase, allowIntegerValues: false);

internal sealed class SnapshotVerdictConverter() : JsonStringEnumConverter<SnapshotVerdict>(JsonNamingPolicy.CamelCase, allowIntegerValues: false);

/// <summary>Parameters as a JSON object of strings, in their own order.</summary>
internal sealed class RunParametersConverter : JsonConverter<IReadOnlyList<RunParameter>>
{
    public override IReadOnlyList<RunParameter> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("The parameters must be an object of strings.");
        }

        var parameters = new List<RunParameter>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var name = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                throw new JsonException($"The parameter '{name}' must be a string.");
            }

            if (parameters.Exists(parameter => parameter.Name == name))
            {
                throw new JsonException($"The parameter '{name}' occurs twice.");
            }

            parameters.Add(new(name, reader.GetString()!));
        }

        return parameters;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<RunParameter> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var parameter in value)
        {
            writer.WriteString(parameter.Name, parameter.Value);
        }

        writer.WriteEndObject();
    }
}
