using System.Text.Json;
using System.Xml.Linq;
using FluentAssertions;
using Harness.Records;
using Harness.Reports;
using Harness.Tests.Records;
using NUnit.Framework;

namespace Harness.Tests.Reports;

public sealed class ReportTests
{
    private const string Hostile = "<script>alert('x')</script> | `a` ]]> --> \u001b[31m\u0000\u202e\ud800 # @me \\ \"\n== \r\n::error::";

    private static readonly IReadOnlyList<TimingRecord> _timings =
    [
        new() { Scenario = MockRecords.Trap.Scenario, Run = 1, Engine = "trap013", Cpu = "yonah", Microseconds = 1_234_567 },
        new() { Scenario = MockRecords.Trap.Scenario, Microseconds = 500 },
    ];

    private static readonly IReadOnlyList<RunRecord> _mixed =
    [
        .. MockRecords.All,
        MockRecords.Trap with
        {
            Scenario = "boot/hello",
            Outcome = Outcome.Limit,
            Message = "stopped after 1000 instructions\nat main",
            Assumptions = ["VMREAD: 50 cycles"],
            Timeline = [new(9, "popf", "popfd", "trap", "#GP", "emulated CLI", 2000)],
        },
        new() { Scenario = "boot/hello", File = "scenarios/boot/hello.csx", Line = 3, Outcome = Outcome.Failed, Message = "Expected 1, found 2", Checks = new(0, 1, 0) },
        MockRecords.Verdict with { Scenario = "boot/new", Snapshot = SnapshotVerdict.New, Facts = [new("cycles of a round", ["  here  16.06", "paper  17.70"])] },
        new() { Scenario = "boot/broken", File = "scenarios/boot/broken.csx", Outcome = Outcome.Error, Message = "scenarios/boot/broken.csx(1,2): error CS1002: ; expected" },
        MockRecords.NotApplicable with { Scenario = "boot/none" },
    ];

    private static readonly IReadOnlyList<RunRecord> _hostile =
    [
        MockRecords.Trap with
        {
            Scenario = Hostile,
            Title = Hostile,
            File = Hostile,
            Engine = Hostile,
            Cpu = Hostile,
            Cost = Hostile,
            Covers = [Hostile],
            Assumptions = [Hostile],
            Console = Hostile,
            Message = Hostile,
            Digest = Hostile,
            Outcome = Outcome.Failed,
            Events = [new() { Kind = Hostile, Cause = Hostile, Reason = Hostile, Instruction = Hostile, Detail = Hostile, Count = long.MaxValue, Cycles = long.MaxValue }],
            Properties = new(new(false, new(1, Hostile, Hostile, Hostile, Hostile, Hostile), null, true), new(false, Hostile), new(true, Hostile)),
            Timeline = [new(1, Hostile, Hostile, Hostile, Hostile, Hostile, 1)],
        },
        MockRecords.Verdict with { Scenario = Hostile, Outcome = Outcome.Error, Message = Hostile, Facts = [new(Hostile, [Hostile, "</pre><script>"])] },
        MockRecords.NotApplicable with { Scenario = Hostile, Message = Hostile },
    ];

    private static IEnumerable<TestCaseData> Formats()
    {
        yield return Format("summary", records => Report.Summary(records, ConsoleStyle.Plain));
        yield return Format("events", records => Report.Events(records, ConsoleStyle.Plain));
        yield return Format("markdown", records => Report.Markdown(records, [], []));
        yield return Format("html", records => Report.Html(records, [], []));
        yield return Format("json", Report.Json);
        yield return Format("junit", records => Report.JUnit(records, _timings));
        yield return Format("trx", records => Report.Trx(records, _timings));
        yield return Format("tap", Report.Tap);
    }

    [TestCaseSource(nameof(Formats))]
    public Task A_report_of_mixed_results(string format, Func<IReadOnlyList<RunRecord>, string> render)
    {
        using var culture = new OddCulture();
        return Verify(render(_mixed)).UseFileName("report." + format);
    }

    [TestCaseSource(nameof(Formats))]
    public void No_records_make_an_empty_report(string format, Func<IReadOnlyList<RunRecord>, string> render) =>
        render([]).Should().NotContain("scenario\":", format);

    [TestCaseSource(nameof(Formats))]
    public void Hostile_text_is_escaped(string format, Func<IReadOnlyList<RunRecord>, string> render)
    {
        var text = render(_hostile);
        text.Should().NotContainAny(["\u001b", "\u0000", "\u202e", "\r"], format).And.NotMatchRegex("\\p{Cs}", format);
        if (format is "html" or "markdown" or "junit" or "trx" or "json")
        {
            text.Should().NotContain("<script", format);
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void The_order_of_scenarios_is_that_of_the_records(string format, Func<IReadOnlyList<RunRecord>, string> render)
    {
        var text = render([MockRecords.Trap with { Scenario = "z-scenario" }, MockRecords.Trap with { Scenario = "a-scenario" }]);
        text.IndexOf("z-scenario", StringComparison.Ordinal).Should().BeInRange(0, text.IndexOf("a-scenario", StringComparison.Ordinal) - 1, format);
    }

    [Test]
    public void Xml_is_well_formed_and_counts_every_case()
    {
        foreach (var records in new[] { _mixed, _hostile })
        {
            var junit = XDocument.Parse(Report.JUnit(records, _timings)).Root!;
            junit.Attribute("tests")!.Value.Should().Be(junit.Descendants("testcase").Count().ToString());
            junit.Attribute("failures")!.Value.Should().Be(junit.Descendants("failure").Count().ToString());
            junit.Attribute("errors")!.Value.Should().Be(junit.Descendants("error").Count().ToString());
            junit.Attribute("skipped")!.Value.Should().Be(junit.Descendants("skipped").Count().ToString());

            var trx = XDocument.Parse(Report.Trx(records, _timings));
            XNamespace space = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
            var results = trx.Descendants(space + "UnitTestResult").Select(result => result.Attribute("testId")!.Value).ToList();
            results.Should().OnlyHaveUniqueItems().And.Equal(trx.Descendants(space + "UnitTest").Select(test => test.Attribute("id")!.Value));
        }
    }

    [Test]
    public void Html_is_well_formed_and_loads_nothing()
    {
        var html = Report.Html(_hostile, [], []);
        var page = XDocument.Parse(html.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal)
            .Replace("<meta charset=\"utf-8\">", "", StringComparison.Ordinal)
            .Replace("content=\"width=device-width\">", "content=\"width=device-width\"/>", StringComparison.Ordinal)
            .Replace("'unsafe-inline'\">", "'unsafe-inline'\"/>", StringComparison.Ordinal));
        var elements = page.Descendants().ToList();
        elements.Select(element => element.Name.LocalName).Should().NotContain(["script", "img", "link", "iframe", "object"]);
        elements.SelectMany(element => element.Attributes()).Where(attribute => attribute.Name.LocalName is "src" or "href")
            .Should().OnlyContain(attribute => attribute.Value.StartsWith('#'));
    }

    [Test]
    public void A_table_of_Markdown_keeps_its_columns()
    {
        var rows = Report.Markdown(_hostile, [], []).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).ToList();
        rows.Should().NotBeEmpty();
        rows.Select(row => row.Replace("\\|", "", StringComparison.Ordinal).Count(c => c == '|')).Should().OnlyContain(bars => bars == 4);
    }

    [Test]
    public void Json_counts_what_no_64_bits_hold()
    {
        var twice = _hostile[0] with { Events = [_hostile[0].Events[0], _hostile[0].Events[0] with { Detail = null }] };
        using var json = JsonDocument.Parse(Report.Json([twice]));
        var cell = json.RootElement.GetProperty("scenarios")[0].GetProperty("rows")[0].GetProperty("cells")[0];
        cell.GetProperty("count").GetRawText().Should().Be("18446744073709551614");
        cell.GetProperty("share").GetDecimal().Should().Be(1);
    }

    [Test]
    public void Shares_are_of_the_run_and_details_add_up()
    {
        using var json = JsonDocument.Parse(Report.Json(MockRecords.All));
        var rows = json.RootElement.GetProperty("scenarios")[0].GetProperty("rows").EnumerateArray().ToList();
        rows.Select(row => row.GetProperty("cause").GetString()).Should().Equal("CPUID", "I/O instruction", "#GP");
        var io = rows[1];
        io.GetProperty("cells")[2].GetProperty("share").GetDecimal().Should().Be(0.8m);
        io.GetProperty("cells")[2].GetProperty("count").GetInt64().Should().Be(4);
        io.GetProperty("cells")[0].GetProperty("share").ValueKind.Should().Be(JsonValueKind.Null);
        io.GetProperty("details").EnumerateArray().Select(detail => detail.GetProperty("cells")[2].GetProperty("cycles").GetInt64()).Should().Equal(2000, 6000);
    }

    [Test]
    public void Columns_are_named_by_what_tells_them_apart()
    {
        var columns = Columns(MockRecords.Vtx, MockRecords.Vtx with { Cpu = "core2" }, MockRecords.Vtx with { Cpu = "core2", Run = 2 }, MockRecords.Vtx);
        columns.Should().Equal("vtx on yonah run 1", "vtx on core2 run 1", "vtx on core2 run 2", "vtx on yonah run 1 (2)");
        Columns(MockRecords.Vtx with { Cost = "a" }, MockRecords.Vtx with { Cost = "b", Seed = 8 }).Should().Equal("vtx at a seed 7", "vtx at b seed 8");
        Columns(MockRecords.Bare, MockRecords.NotApplicable).Should().Equal("bare", "svm");
    }

    [Test]
    public void Only_a_terminal_without_NO_COLOR_gets_escape_codes()
    {
        Report.Summary(_mixed, ConsoleStyle.For(isTerminal: true, noColor: null, width: 100)).Should().Contain("\u001b[");
        Report.Summary(_mixed, ConsoleStyle.For(isTerminal: true, noColor: "", width: 100)).Should().Contain("\u001b[");
        Report.Summary(_mixed, ConsoleStyle.For(isTerminal: true, noColor: "1", width: 100)).Should().NotContain("\u001b");
        Report.Summary(_mixed, ConsoleStyle.For(isTerminal: false, noColor: null, width: 100)).Should().NotContain("\u001b");
    }

    [Test]
    public void A_terminal_gets_lines_of_its_width() =>
        Report.Summary(_mixed, ConsoleStyle.For(isTerminal: true, noColor: "1", width: 60)).Split('\n').Should().OnlyContain(line => line.Length <= 60);

    private static IEnumerable<string?> Columns(params RunRecord[] records)
    {
        using var json = JsonDocument.Parse(Report.Json(records));
        return [.. json.RootElement.GetProperty("scenarios")[0].GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString())];
    }

    private static TestCaseData Format(string name, Func<IReadOnlyList<RunRecord>, string> render) => new TestCaseData(name, render).SetArgDisplayNames(name);
}
