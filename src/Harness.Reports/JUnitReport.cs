using System.Globalization;
using System.Xml;
using Harness.Records;

namespace Harness.Reports;

internal static class JUnitReport
{
    public static string Render(IReadOnlyList<RunRecord> records, IReadOnlyList<TimingRecord> timings) => XmlText.Render(xml =>
    {
        var times = new Timings(timings);
        var cases = ReportCase.Of(records);
        xml.WriteStartElement("testsuites");
        Counts(xml, cases, times);
        foreach (var suite in cases.GroupBy(c => Topic(c.Record.Scenario), StringComparer.Ordinal))
        {
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", Printable.Escape(suite.Key));
            Counts(xml, [.. suite], times);
            foreach (var testCase in suite)
            {
                Case(xml, testCase, times);
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    });

    private static string Topic(string scenario) => scenario.LastIndexOf('/') is var slash and > 0 ? scenario[..slash] : scenario;

    private static void Counts(XmlWriter xml, IReadOnlyList<ReportCase> cases, Timings times)
    {
        Number("tests", cases.Count);
        Number("failures", cases.Count(c => c.State == CaseState.Failed));
        Number("errors", cases.Count(c => c.State == CaseState.Error));
        Number("skipped", cases.Count(c => c.State == CaseState.Skipped));
        Time(xml, cases.Aggregate(null as Int128?, (sum, c) => times.Of(c.Record) is { } time ? (sum ?? 0) + time : sum));

        void Number(string name, int value) => xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));
    }

    private static void Time(XmlWriter xml, Int128? microseconds)
    {
        if (microseconds is { } time)
        {
            xml.WriteAttributeString("time", string.Create(CultureInfo.InvariantCulture, $"{time / 1_000_000}.{time % 1_000_000:D6}"));
        }
    }

    private static void Case(XmlWriter xml, ReportCase testCase, Timings times)
    {
        var record = testCase.Record;
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", Printable.Escape(record.Scenario));
        xml.WriteAttributeString("name", testCase.Name);
        if (record.File.Length > 0)
        {
            xml.WriteAttributeString("file", Printable.Escape(record.File));
        }

        if (record.Line > 0)
        {
            xml.WriteAttributeString("line", record.Line.ToString(CultureInfo.InvariantCulture));
        }

        Time(xml, times.Of(record));
        if (testCase.State != CaseState.Passed)
        {
            xml.WriteStartElement(testCase.State switch { CaseState.Failed => "failure", CaseState.Error => "error", _ => "skipped" });
            xml.WriteAttributeString("message", testCase.Message.Count > 0 ? testCase.Message[0] : Words.Of(record.Outcome));
            if (testCase.State != CaseState.Skipped)
            {
                xml.WriteString(string.Join('\n', testCase.Message));
            }

            xml.WriteEndElement();
        }

        if (record.Console.Length > 0)
        {
            xml.WriteElementString("system-out", string.Join('\n', Printable.Lines(record.Console)));
        }

        xml.WriteEndElement();
    }
}
