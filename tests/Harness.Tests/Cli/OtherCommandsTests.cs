using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>list</c>, <c>new</c>, <c>accept</c> and help.</summary>
public sealed class OtherCommandsTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("--help")]
    [TestCase("run", "--help")]
    [TestCase("list", "--help")]
    [TestCase("new", "--help")]
    [TestCase("accept", "--help")]
    [TestCase("diff", "--help")]
    [TestCase("report", "--help")]
    [TestCase("classify", "--help")]
    [TestCase("matrix", "--help")]
    public void ShouldExplainItself(params string[] arguments)
    {
        var help = _folder.Run(arguments);

        help.Code.Should().Be(0);
        help.Out.Should().Contain("Usage:");
        help.Error.Should().BeEmpty();
    }

    [Test]
    public void List_ShouldRunNothingAndDescribeEveryCoverageId()
    {
        _folder.Script("x", "Scenario(\"the title\", covers: \"B5,A1\", s => throw new InvalidOperationException());");

        var list = _folder.Run("list");

        list.Code.Should().Be(0);
        list.Out.Should().StartWith("t/x  B5,A1  the title\n\n2 of 49 coverage ids with a scenario:\nA1  ");
        list.Out.Should().MatchRegex("\nB5  [^\n]+\n\n47 of 49 coverage ids without a scenario:\nA2  ").And.Contain("\nJ4 ");
        _folder.Run("list", "--filter", "t/x").Out.Should().Be("t/x  B5,A1  the title\n");
    }

    [Test]
    public void List_ShouldPrintTheCatalogue()
    {
        _folder.Catalog = new Catalog([new CatalogEntry("bare", () => "the reference")], [new CatalogEntry("i386", () => "1985")], []);

        _folder.Run("list", "--engines").Should().Be((0, "bare  the reference\n", ""));
        _folder.Run("list", "--cpus").Out.Should().Be("i386  1985\n");
    }

    [Test]
    public void New_ShouldWriteAScriptOnceAndAPreludeIfThereIsNone()
    {
        File.Delete(_folder.File("scenarios/prelude.csx"));

        _folder.Run("new", "topic/first").Should().Be((0, "scenarios/topic/first.csx\n", "harness: now `harness run scenarios/topic/first.csx`\n"));

        File.ReadAllText(_folder.File("scenarios/topic/first.csx")).Should().StartWith("#load \"../prelude.csx\"\n");
        File.ReadAllText(_folder.File("scenarios/prelude.csx")).Should().Contain("Harness.Scenarios.dll\"");
        var again = _folder.Run("new", "topic/first");
        again.Code.Should().Be(5);
        again.Error.Should().Contain("exists already");
        Directory.EnumerateFiles(_folder.File("scenarios"), "*.tmp", SearchOption.AllDirectories).Should().BeEmpty();
    }

    [TestCase("../escape")]
    [TestCase("a//b")]
    [TestCase("prelude")]
    [TestCase("a b")]
    [TestCase("--", "-x")]
    [TestCase("--", "a/-x")]
    [TestCase("_")]
    public void New_ShouldRefuseNamesThatAreNoIds(params string[] name) => _folder.Run(["new", .. name]).Code.Should().Be(5);

    [Test]
    public void Accept_ShouldRefuseUnderContinuousIntegration()
    {
        _folder.Variables["CI"] = "true";

        _folder.Run("accept").Code.Should().Be(5);
    }

    [Test]
    public void Accept_ShouldTakeOnlyTheScriptsNamed()
    {
        foreach (var name in (string[])["a", "a_b"])
        {
            _folder.Script(name, "");
        }

        foreach (var id in (string[])["a", "a.n_v=1", "a_b", "a_b_v=1"])
        {
            _folder.Write($"snapshots/t/{id}.received.txt", "\uFEFFtext");
        }

        _folder.Run("accept", "scenarios/t/a.csx").Out.Should().Be("accepted  t/a\naccepted  t/a.n_v=1\n");
        _folder.Run("accept", "--filter", "*_v=?").Out.Should().Be("accepted  t/a_b_v=1\n");
        _folder.Run("diff").Out.Should().StartWith("t/a_b: new.");
    }

    [Test]
    public void Report_ShouldWriteTheDocumentsAskedFor()
    {
        _folder.Script("x", "Scenario(\"x\", s => s.Host.Count(1, 0));");
        _folder.Run("run", "--records", "r.jsonl", "--timings", "t.jsonl").Code.Should().Be(0);

        _folder.Run("report", "r.jsonl", "--out", "all").Out.Should().Be("all/report.html\nall/report.md\nall/report.json\nall/junit.xml\nall/results.trx\n");
        _folder.Run("report", "r.jsonl", "--out", "one", "--format", "junit", "--timings", "t.jsonl").Out.Should().Be("one/junit.xml\n");
        Directory.GetFiles(_folder.File("one")).Should().HaveCount(1);
        _folder.Run("report", "r.jsonl").Out.Should().Contain("t/x").And.EndWith("\n1 scenario: 1 passed\n");
    }

    [TestCase("harness run --eng", "--engine")]
    [TestCase("harness run --engine v", "vtx")]
    [TestCase("harness run --format js", "json")]
    public void ShouldCompleteALine(string line, string completion) => _folder.Run($"[suggest:{line.Length}]", line).Out.Split('\n').Should().Contain(completion);

    [TestCase("--matrix", "r.jsonl")]
    [TestCase("--classification", "r.jsonl")]
    [TestCase("--timings", "r.jsonl")]
    [TestCase("--format", "html")]
    public void Report_ShouldNotIgnoreWhatOnlyDocumentsHave(string option, string value)
    {
        _folder.Write("r.jsonl", "");

        _folder.Run("report", "r.jsonl", option, value).Should().Be((5, "", $"harness: {option} is about documents: give --out, or leave it out\n"));
    }

    [Test]
    public void Report_ShouldPlaceWhatIsNoJsonOnce()
    {
        _folder.Write("bad.jsonl", "\n{\"schema\":\"harness-run/1\",x}\n");

        _folder.Run("report", "bad.jsonl").Error.Should().Contain("bad.jsonl(2): ").And.NotContain("LineNumber");
    }

    [Test]
    public void Report_ShouldReturn5ForInputsAtFaultAnd8ForNone()
    {
        _folder.Write("bad.jsonl", "{}\n");
        _folder.Write("empty.jsonl", "");

        var bad = _folder.Run("report", "bad.jsonl");
        bad.Code.Should().Be(5);
        bad.Error.Should().Contain("bad.jsonl(1)");
        _folder.Run("report", "missing.jsonl", "--out", "empty.jsonl").Code.Should().Be(5);
        _folder.Run("report", "missing.jsonl").Code.Should().Be(5);
        _folder.Run("report", "bad.jsonl", "--format", "clay").Code.Should().Be(5);
        _folder.Run("report").Code.Should().Be(5);
        _folder.Run("report", "empty.jsonl").Code.Should().Be(8);
    }
}
