using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml;
using Harness.Records;

namespace Harness.Reports;

internal static class TrxReport
{
    private const string Namespace = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    // Identifiers that the format reserves: the type of unit tests and the list of results that are in no list.
    private const string UnitTestType = "13cdc9d9-ddb5-4fa4-a97d-d965ccfc6d4b";
    private const string ResultList = "8c84fa94-04c1-424b-9868-57a2d4851a1d";

    public static string Render(IReadOnlyList<RunRecord> records, IReadOnlyList<TimingRecord> timings) => XmlText.Render(xml =>
    {
        var times = new Timings(timings);
        var cases = ReportCase.Of(records);
        var runs = cases.Select((c, i) => new Entry(
            c, $"{Printable.Escape(c.Record.Scenario)}: {c.Name}", Id("test", c, i), Id("execution", c, i))).ToList();
        xml.WriteStartElement("TestRun", Namespace);
        xml.WriteAttributeString("id", Id("run", string.Join('\n', runs.Select(run => run.TestId))));
        xml.WriteAttributeString("name", "harness");
        Each(xml, "Results", runs, run => Result(xml, run, times.Of(run.Case.Record)));
        Each(xml, "TestDefinitions", runs, run => Definition(xml, run));
        Each(xml, "TestEntries", runs, run => Element(xml, "TestEntry", ("testId", run.TestId), ("executionId", run.ExecutionId), ("testListId", ResultList)));
        Each(xml, "TestLists", [ResultList], id => Element(xml, "TestList", ("name", "Results Not in a List"), ("id", id)));
        Summary(xml, cases);
        xml.WriteEndElement();
    });

    private static string Id(string kind, ReportCase c, int index) =>
        Id(kind, string.Create(CultureInfo.InvariantCulture, $"{c.Record.Scenario}\n{c.Name}\n{index}"));

    private static string Id(string kind, string text) =>
        new Guid(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\n{text}")).AsSpan(0, 16), bigEndian: true).ToString("D");

    private static void Each<T>(XmlWriter xml, string name, IReadOnlyList<T> items, Action<T> write)
    {
        xml.WriteStartElement(name);
        foreach (var item in items)
        {
            write(item);
        }

        xml.WriteEndElement();
    }

    private static void Element(XmlWriter xml, string name, params (string Name, string Value)[] attributes)
    {
        Start(xml, name, attributes);
        xml.WriteEndElement();
    }

    private static void Start(XmlWriter xml, string name, params (string Name, string Value)[] attributes)
    {
        xml.WriteStartElement(name);
        foreach (var (attribute, value) in attributes)
        {
            xml.WriteAttributeString(attribute, value);
        }
    }

    private static void Result(XmlWriter xml, Entry run, long? microseconds)
    {
        Start(
            xml, "UnitTestResult", ("executionId", run.ExecutionId), ("testId", run.TestId), ("testName", run.Name), ("computerName", "harness"),
            ("testType", UnitTestType), ("outcome", OutcomeOf(run.Case.State)), ("testListId", ResultList));
        if (microseconds is { } time)
        {
            xml.WriteAttributeString("duration", new TimeSpan(time * TimeSpan.TicksPerMicrosecond).ToString(@"hh\:mm\:ss\.fffffff", CultureInfo.InvariantCulture));
        }

        var console = Printable.Lines(run.Case.Record.Console);
        if (console.Count > 0 || run.Case.Message.Count > 0)
        {
            xml.WriteStartElement("Output");
            if (console.Count > 0)
            {
                xml.WriteElementString("StdOut", string.Join('\n', console));
            }

            if (run.Case.Message.Count > 0)
            {
                xml.WriteStartElement("ErrorInfo");
                xml.WriteElementString("Message", string.Join('\n', run.Case.Message));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void Definition(XmlWriter xml, Entry run)
    {
        Start(xml, "UnitTest", ("name", run.Name), ("storage", Printable.Escape(run.Case.Record.File)), ("id", run.TestId));
        Element(xml, "Execution", ("id", run.ExecutionId));
        Element(
            xml, "TestMethod", ("codeBase", Printable.Escape(run.Case.Record.File)), ("className", Printable.Escape(run.Case.Record.Scenario)),
            ("name", run.Case.Name));
        xml.WriteEndElement();
    }

    private static void Summary(XmlWriter xml, IReadOnlyList<ReportCase> cases)
    {
        int Count(CaseState state) => cases.Count(c => c.State == state);
        static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
        var bad = Count(CaseState.Failed) + Count(CaseState.Error);
        Start(xml, "ResultSummary", ("outcome", bad > 0 ? "Failed" : "Completed"));
        Element(
            xml, "Counters", ("total", Text(cases.Count)), ("executed", Text(cases.Count - Count(CaseState.Skipped))), ("passed", Text(Count(CaseState.Passed))),
            ("failed", Text(Count(CaseState.Failed))), ("error", Text(Count(CaseState.Error))), ("notExecuted", Text(Count(CaseState.Skipped))));
        xml.WriteEndElement();
    }

    private static string OutcomeOf(CaseState state) => state switch
    {
        CaseState.Passed => "Passed",
        CaseState.Failed => "Failed",
        CaseState.Error => "Error",
        _ => "NotExecuted",
    };

    private sealed record Entry(ReportCase Case, string Name, string TestId, string ExecutionId);
}
