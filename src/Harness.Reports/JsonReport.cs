using System.Text.Json;
using System.Text.Json.Serialization;
using Harness.Records;

namespace Harness.Reports;

internal static class JsonReport
{
    public static string Render(IReadOnlyList<RunRecord> records)
    {
        var scenarios = ScenarioReport.Of(records).Select(scenario => new JsonScenario(
            scenario.Scenario,
            scenario.Title,
            scenario.Covers,
            [.. ReportCase.Of(scenario).Select(c => new JsonCase(c.Name, Words.Of(c.State), string.Join('\n', c.Message), Words.Of(c.Record.Snapshot)))],
            [.. scenario.Columns.Select(column => new JsonColumn(
                column.Name, column.Record.Engine!, column.Record.Cpu, column.Record.Cost, column.Record.Run, column.Record.Ticks, column.Record.Retired,
                column.Record.Cycles, column.Record.Properties, column.Record.Assumptions))],
            scenario.Rows));
        return JsonSerializer.Serialize(new("harness-report/1", [.. scenarios]), ReportJson.Default.JsonRoot) + "\n";
    }

    public static string Render(ClassificationRecord record) => JsonSerializer.Serialize(record, ReportJson.Default.ClassificationRecord) + "\n";
}

internal sealed record JsonRoot(string Schema, IReadOnlyList<JsonScenario> Scenarios);

internal sealed record JsonScenario(
    string Scenario, string Title, IReadOnlyList<string> Covers, IReadOnlyList<JsonCase> Cases, IReadOnlyList<JsonColumn> Columns, IReadOnlyList<CauseRow> Rows);

internal sealed record JsonCase(string Name, string State, string Message, string Snapshot);

internal sealed record JsonColumn(
    string Name, string Engine, string? Cpu, string? Cost, int Run, TickCount? Ticks, RetiredCount? Retired, CycleCount? Cycles,
    RunProperties? Properties, IReadOnlyList<string> Assumptions);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n", IndentSize = 2)]
[JsonSerializable(typeof(JsonRoot))]
[JsonSerializable(typeof(ClassificationRecord))]
internal sealed partial class ReportJson : JsonSerializerContext;
