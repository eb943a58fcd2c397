using FluentAssertions;
using Harness.Records;
using Harness.Reports;
using NUnit.Framework;

namespace Harness.Tests.Reports;

public sealed class ClassificationReportTests
{
    private const string Hostile = "<script>alert('x')</script> | `a` \u001b[31m\u202e \" \\ \n";

    private static readonly ClassWitness _relocated =
        new("code=0F01 eax=1 esp=800 flags=2 @10100=FF00", "permissive", "user", "user+tables", "CPL 3", "CPL 3, descriptor tables moved", "memory 10100", "10", "20");

    private static readonly ClassWitness _changed = new("code=FA eax=0 flags=0", "permissive", "supervisor", null, "CPL 0", null, "eflags.IF", "1", "0");

    private static readonly ClassificationRecord _record = new()
    {
        Cpu = "/home/user/mine.json",
        Model = "mine",
        Description = "a model of my own",
        Modes =
        [
            new ClassifiedMode(
                "protected",
                [new("permissive", "IOPL 3"), new("trapping", "IOPL 0")],
                [
                    Form("aaa", Verdict("innocuous", 8, 0)),
                    Form("cli", Verdict("sensitive", 8, 0, new ClassFinding("control(system)", "supervisor", _changed)), Verdict("privileged", 8, 8, new ClassFinding("control(system)", "supervisor", _changed))),
                    Form("hlt", Verdict("privileged", 8, 8)),
                    Form("sgdt m", Verdict("sensitive", 8, 0, new ClassFinding("location(tables)", "user", _relocated))),
                    Form("rdtsc", Verdict("innocuous", 8, 0, new ClassFinding("resource(time)", "user", _relocated))),
                    Form("lost", Verdict("undecided", 0, 0)),
                    Form("rsm", Verdict("absent", 0, 0)),
                ],
                [
                    .. from theorem in (int[])[1, 2, 3]
                       from segments in (bool[])[true, false]
                       from configuration in (string[])["permissive", "trapping"]
                       let offending = configuration == "permissive" ? ["cli", "sgdt m"] : segments ? (string[])["sgdt m"] : []
                       select new TheoremRecord(theorem, configuration, segments, offending.Length == 0, offending),
                ]),
        ],
    };

    private static IEnumerable<TestCaseData> Formats()
    {
        yield return Format("console", record => Report.Classification(record, ConsoleStyle.Plain));
        yield return Format("theorems", record => Report.Theorems(record, [1, 3], ConsoleStyle.Plain));
        yield return Format("markdown", Report.ClassificationMarkdown);
        yield return Format("html", Report.ClassificationHtml);
        yield return Format("json", Report.ClassificationJson);
        yield return Format("witness", Report.Witnesses);
    }

    [TestCaseSource(nameof(Formats))]
    public Task A_report_of_a_classification(string format, Func<ClassificationRecord, string> render)
    {
        using var culture = new OddCulture();
        return Verify(render(_record)).UseFileName("classification." + format);
    }

    [TestCaseSource(nameof(Formats))]
    public void Hostile_text_is_escaped(string format, Func<ClassificationRecord, string> render)
    {
        string text = render(_record with { Cpu = Hostile, Model = Hostile, Description = Hostile });
        text.Should().NotContainAny(["\u001b", "\u202e", "\r"], format);
        if (format is "html" or "markdown")
        {
            text.Should().NotContain("<script>");
        }
    }

    [Test]
    public void Sets_of_a_few_forms_are_not_drawn() =>
        Report.ClassificationHtml(_record with { Modes = [_record.Modes[0] with { Theorems = [] }] }).Should().NotContain("<svg").And.NotContain("Theorem");

    private static ClassifiedForm Form(string name, ClassVerdict permissive, ClassVerdict? trapping = null) =>
        new(name, "Code", "0F 01", 8, ["#UD", "#GP"], [permissive with { Configuration = "permissive" }, (trapping ?? permissive) with { Configuration = "trapping" }]);

    private static ClassVerdict Verdict(string name, int pairs, int trapped, params ClassFinding[] findings) => new()
    {
        Configuration = "",
        Class = name,
        Pairs = pairs,
        Trapped = trapped,
        Privileged = name == "privileged",
        Sensitive = findings.Any(f => !f.Name.StartsWith("resource", StringComparison.Ordinal)),
        UserSensitive = findings.Any(f => f.Side == "user" && !f.Name.StartsWith("resource", StringComparison.Ordinal)),
        Findings = findings,
        Unprivileged = name == "sensitive" ? _relocated with { What = "outcome", FirstValue = "retires", SecondValue = "retires" } : null,
    };

    private static TestCaseData Format(string name, Func<ClassificationRecord, string> render) => new TestCaseData(name, render).SetArgDisplayNames(name);
}
