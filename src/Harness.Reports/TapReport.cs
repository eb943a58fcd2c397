using System.Globalization;
using System.Text;
using System.Text.Json;
using Harness.Records;

namespace Harness.Reports;

// Test Anything Protocol, version 14 (testanything.org).
internal static class TapReport
{
    public static string Render(IReadOnlyList<RunRecord> records)
    {
        var cases = ReportCase.Of(records);
        var text = new StringBuilder("TAP version 14\n");
        text.Append(CultureInfo.InvariantCulture, $"1..{cases.Count}\n");
        for (var i = 0; i < cases.Count; i++)
        {
            var (name, record, _, _, message) = cases[i];
            var state = cases[i].State;
            var result = state is CaseState.Failed or CaseState.Error ? "not ok" : "ok";
            text.Append(CultureInfo.InvariantCulture, $"{result} {i + 1} - {Escape(record.Scenario)}: {Escape(name)}");
            text.Append(state == CaseState.Skipped ? $" # SKIP {Escape(string.Join(' ', message))}".TrimEnd() : "").Append('\n');
            if (result == "not ok")
            {
                // A string of JSON is a string of YAML.
                text.Append("  ---\n");
                text.Append(CultureInfo.InvariantCulture, $"  message: {Quote(string.Join('\n', message))}\n");
                text.Append(CultureInfo.InvariantCulture, $"  severity: {(state == CaseState.Error ? "error" : "fail")}\n");
                if (record.File.Length > 0)
                {
                    text.Append(CultureInfo.InvariantCulture, $"  at:\n    file: {Quote(Printable.Escape(record.File))}\n");
                    text.Append(record.Line > 0 ? string.Create(CultureInfo.InvariantCulture, $"    line: {record.Line}\n") : "");
                }

                text.Append("  ...\n");
            }
        }

        return text.ToString();
    }

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    private static string Escape(string text) =>
        Printable.Escape(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("#", "\\#", StringComparison.Ordinal);
}
