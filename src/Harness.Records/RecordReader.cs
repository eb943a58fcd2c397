using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Harness.Records;

/// <summary>Reads JSON lines of records. The input is untrusted; an error names its file and line.</summary>
public static class RecordReader
{
    /// <summary>Every run record of a file, in order.</summary>
    /// <exception cref="RecordFormatException">A line is no record of schema <see cref="RunRecord.CurrentSchema"/>.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<RunRecord> Read(string path) => Runs(File.ReadAllBytes(path), path);

    /// <summary>Every run record of a stream; <paramref name="name"/> stands for the file in messages.</summary>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static IReadOnlyList<RunRecord> Read(Stream stream, string name)
    {
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return Runs(memory.ToArray(), name);
    }

    /// <summary>Every timing of a file, in order.</summary>
    /// <exception cref="RecordFormatException">A line is no timing of schema <see cref="TimingRecord.CurrentSchema"/>.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<TimingRecord> ReadTimings(string path) =>
        Lines(File.ReadAllBytes(path), path, TimingRecord.CurrentSchema, RecordJson.Default.TimingRecord, Problem);

    /// <summary>Every row of a matrix in a file, in order.</summary>
    /// <exception cref="RecordFormatException">A line is no record of schema <see cref="MatrixRecord.CurrentSchema"/>.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<MatrixRecord> ReadMatrix(string path) =>
        Lines(File.ReadAllBytes(path), path, MatrixRecord.CurrentSchema, RecordJson.Default.MatrixRecord, Problem);

    /// <summary>The classification of a file.</summary>
    /// <exception cref="RecordFormatException">The file is no object of schema <see cref="ClassificationRecord.CurrentSchema"/>.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ClassificationRecord ReadClassification(string path)
    {
        const string Advice = "write it again with `harness classify --format json`";
        var json = WithoutMark(File.ReadAllBytes(path));
        var record = One(
            json, path, 1, ClassificationRecord.CurrentSchema, RecordJson.Default.ClassificationRecord, _ => null, $"expected one JSON object; correct it, or {Advice}");
        return ClassificationCheck.FirstProblem(record) is { } wrong
            ? throw new RecordFormatException(path, JsonPlace.LineOf(json, wrong.Place), Printable.Escape($"{wrong.Place}: {wrong.Problem}; correct it, or {Advice}."))
            : record;
    }

    private static List<RunRecord> Runs(byte[] bytes, string name) =>
        Lines(bytes, name, RunRecord.CurrentSchema, RecordJson.Default.RunRecord, Problem);

    private static List<T> Lines<T>(byte[] bytes, string name, string schema, JsonTypeInfo<T> type, Func<T, string?> problem)
    {
        var rest = WithoutMark(bytes);
        var records = new List<T>();
        for (var number = 1; !rest.IsEmpty; number++)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (!line.Trim(" \t\r"u8).IsEmpty)
            {
                records.Add(One(line, name, number, schema, type, problem, end < 0 ? "the last line is truncated; run again or delete it" : "expected one JSON object"));
            }
        }

        return records;
    }

    private static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        return bytes.StartsWith(byteOrderMark) ? bytes[byteOrderMark.Length..] : bytes;
    }

    private static T One<T>(ReadOnlySpan<byte> json, string name, int number, string schema, JsonTypeInfo<T> type, Func<T, string?> problem, string complaint)
    {
        if (!Utf8.IsValid(json))
        {
            throw new RecordFormatException(name, number, "expected UTF-8, found other bytes; the file is damaged.");
        }

        try
        {
            CheckSchema(json, schema, name, number);
            var record = JsonSerializer.Deserialize(json, type)
                ?? throw new RecordFormatException(name, number, $"expected an object of schema {schema}, found null.");
            return problem(record) is { } found ? throw new RecordFormatException(name, number, found) : record;
        }
        // GetString reports escapes that form no text (a lone surrogate) by InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var trouble = e is JsonException wrong ? JsonTrouble.Of(wrong, json, type) : e.Message;
            throw new RecordFormatException(name, number + (int)((e as JsonException)?.LineNumber ?? 0), $"{complaint}: {Printable.Escape(trouble)}");
        }
    }

    private static void CheckSchema(ReadOnlySpan<byte> line, string schema, string name, int number)
    {
        var reader = new Utf8JsonReader(line);
        var found = "none";
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException($"found {reader.TokenType}.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isSchema = reader.ValueTextEquals("schema"u8);
            reader.Read();
            if (isSchema)
            {
                found = reader.TokenType == JsonTokenType.String ? reader.GetString()! : reader.TokenType.ToString();
                break;
            }

            reader.Skip();
        }

        if (found != schema)
        {
            throw new RecordFormatException(
                name, number, $"expected schema {schema}, found {Printable.Escape(found)}; read it with the version that wrote it.");
        }
    }

    private static string? Problem(TimingRecord timing) => timing.Microseconds < 0 ? "microseconds must not be negative." : null;

    private static string? Problem(MatrixRecord row) =>
        row.Classes.Contains(null!) || row.Cells.Contains(null!) || row.Cells.Any(c => c.Events.Contains(null!)) ? "classes, cells and events must not hold null."
        : row.Cells.Any(c => c.Events.Any(e => e.Count < 1)) ? "the count of an event must be at least 1."
        : null;

    private static string? Problem(RunRecord record)
    {
        if (record.Scenario.Length == 0)
        {
            return "scenario must not be empty.";
        }

        if (record.Line < 0 || record.Run < 0)
        {
            return "line and run must not be negative.";
        }

        // The annotations of a list's elements are not checked by the serializer.
        if (record.Events.Contains(null!) || record.Covers.Contains(null!) || record.Assumptions.Contains(null!)
            || record.Regimes.Contains(null!) || record.Timeline?.Contains(null!) == true)
        {
            return "covers, regimes, events, assumptions and timeline must not hold null.";
        }

        if (record.Events.FirstOrDefault(e => e.Count < 0 || e.Cycles < 0 || e.Level < 0 || e.Cpl is < 0 or > 3) is { } wrong)
        {
            return $"event {Printable.Escape(wrong.Cause)}: count, cycles and level must not be negative, cpl must be 0 to 3.";
        }

        long[] counts =
        [
            record.Ticks?.Total ?? 0, record.Ticks?.Halted ?? 0,
            record.Retired?.Guest ?? 0, record.Retired?.Direct ?? 0, record.Retired?.Translated ?? 0, record.Retired?.Emulated ?? 0,
            record.Cycles?.Guest ?? 0, record.Cycles?.Overhead ?? 0, record.Guest?.Bytes ?? 0,
            .. record.Regimes.SelectMany(regime => (long[])[regime.Direct, regime.Emulated]),
            .. Counts(record.Machine),
        ];
        return counts.Any(count => count < 0) ? "ticks, retired, regimes, cycles, guest bytes and what a machine used must not be negative." : null;
    }

    private static long[] Counts(MachineUse? m) => m is null
        ? []
        :
        [
            m.Shares, m.MemoryShares, m.Minimum, m.Maximum, m.Target, m.ActivePercent, m.WorldSwitches, m.Slices, m.Blocked, m.Present, m.Shared, m.MostShared, m.Ballooned,
            m.MostBallooned, m.Swapped, m.SwappedOut, m.SwappedIn, m.Merged, m.Broken, m.ShadowSpaces, m.ShadowFrames, m.HostFrames, .. m.HostStates,
        ];
}
