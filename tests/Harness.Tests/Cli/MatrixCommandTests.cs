using System.Text.RegularExpressions;
using FluentAssertions;
using Harness.Records;
using Harness.Tests.Architecture;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>matrix</c>, and the part of it in README.md, which HARNESS_UPDATE=1 writes anew instead of comparing it.</summary>
public sealed class MatrixCommandTests
{
    private const string Begin = "<!-- matrix: written by HARNESS_UPDATE=1 dotnet test tests/Harness.Tests --filter MatrixCommand -->\n";
    private const string End = "<!-- end of matrix -->\n";

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void ShouldPrintTheSameAtAnyDegree()
    {
        var one = _folder.Run("matrix", "--cpu", "pentium", "--family", "sgdt,popf,mov cr", "--format", "json", "--parallel", "1");
        var two = _folder.Run("matrix", "--cpu", "pentium", "--family", "sgdt,popf,mov cr", "--format", "json", "--parallel", "2");

        one.Code.Should().Be(0);
        one.Out.Should().NotBeEmpty();
        two.Should().Be(one);
    }

    [Test]
    public void ShouldWriteRecordsThatAReportTakes()
    {
        _folder.Run("matrix", "--family", "cpuid", "--engine", "vtx", "--format", "json", "--out", "m.jsonl").Should().Be((0, "", ""));
        var row = RecordReader.ReadMatrix(_folder.File("m.jsonl")).Should().ContainSingle().Subject;
        row.Cells.Select(c => c.Engine).Should().Equal("vtx");
        _folder.Write("r.jsonl", RecordWriter.Line(new RunRecord { Scenario = "t/x", Outcome = Outcome.Passed }) + "\n");

        _folder.Run("report", "r.jsonl", "--matrix", "m.jsonl", "--out", "report", "--format", "html,markdown").Code.Should().Be(0);

        File.ReadAllText(_folder.File("report/report.md")).Should().Contain("\n# Virtualization matrix\n").And.Contain("| cpuid | resource | exit CPUID |");
        File.ReadAllText(_folder.File("report/report.html")).Should().Contain("<section id=\"matrix\">").And.Contain("<td>exit CPUID</td>");
    }

    [Test]
    public void ShouldRefuseADamagedRow()
    {
        _folder.Write("r.jsonl", RecordWriter.Line(new RunRecord { Scenario = "t/x", Outcome = Outcome.Passed }) + "\n");
        _folder.Write("m.jsonl", "{\"schema\":\"harness-matrix/1\",\"cpu\":\"a\",\"mode\":\"b\",\"side\":\"c\",\"form\":\"d\",\"family\":\"e\",\"group\":\"f\",\"classes\":[],\"cells\":[null]}\n");

        var report = _folder.Run("report", "r.jsonl", "--matrix", "m.jsonl", "--out", "d");

        report.Code.Should().Be(5);
        report.Error.Should().Contain("m.jsonl(1)").And.Contain("must not hold null");
    }

    [TestCase("--cpu", "486", "--cpu: expected one of ")]
    [TestCase("--engine", "kvm", "--engine: expected one of ")]
    [TestCase("--family", "popq", "--family: expected one of ")]
    [TestCase("--mode", "long", "--mode: expected protected, real; found 'long'")]
    public void ShouldRefuseWhatItDoesNotKnow(string option, string value, string message)
    {
        var refused = _folder.Run("matrix", option, value);

        refused.Code.Should().Be(5);
        refused.Error.Should().Contain(message);
    }

    [TestCase("matrix", ".", "--out: expected a file, found a folder: .")]
    [TestCase("matrix", "new/", "--out: expected a file, found a folder: new/")]
    [TestCase("classify", "scenarios", "--out: expected a file, found a folder: scenarios")]
    public void ShouldRefuseAFileThatCannotBeOneBeforeTheExperiment(string command, string file, string message)
    {
        _folder.Cancellation.Cancel();

        var refused = _folder.Run(command, "--out", file);

        refused.Code.Should().Be(5);
        refused.Error.Should().Contain(message);
    }

    [Test]
    public void ShouldSayThatNothingIsWrittenWhenCancelled()
    {
        _folder.Write("m.jsonl", "before");
        _folder.Cancellation.Cancel();

        _folder.Run("matrix", "--family", "cpuid", "--out", "m.jsonl").Should().Be((3, "", "harness: cancelled; nothing is written\n"));
        File.ReadAllText(_folder.File("m.jsonl")).Should().Be("before");
    }

    [Test]
    public void ShouldTakeAModelFileAndWriteIntoANewFolder()
    {
        using Stream model = typeof(Harness.Machine.ProcessorModel).Assembly.GetManifestResourceStream("models/pentium.json")!;
        using var reader = new StreamReader(model);
        _folder.Write("mine.json", reader.ReadToEnd().Replace("\"pentium\"", "\"mine\"", StringComparison.Ordinal));

        _folder.Run("matrix", "--cpu", "mine.json", "--engine", "trap013", "--family", "cpuid", "--format", "json", "--out", "new/m.jsonl").Should().Be((0, "", ""));

        RecordReader.ReadMatrix(_folder.File("new/m.jsonl")).Should().OnlyContain(r => r.Cpu == "mine").And.NotBeEmpty();
        Directory.GetFiles(_folder.File("new")).Should().ContainSingle();
    }

    [Test]
    public void ShouldRefuseAUserOfRealMode() => _folder.Run("matrix", "--mode", "real", "--side", "user").Code.Should().Be(5);

    [Test]
    public void ShouldPrintAHeadAloneWhenNothingIsSensitive() => _folder.Run("matrix", "--family", "xlatb", "--format", "console").Code.Should().Be(0);

    [Test]
    public void TheReadmeIsCurrent()
    {
        string path = Path.Combine(Sources.Root, "README.md");
        string document = File.ReadAllText(path);
        string families = Regex.Match(document, "^harness matrix --family \"([^\"]+)\" --format markdown$", RegexOptions.Multiline).Groups[1].Value;
        int begin = document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = document.IndexOf(End, StringComparison.Ordinal);
        begin.Should().BeInRange(Begin.Length, end, "{0} holds the markers of the matrix", path);

        string current = "\n" + _folder.Run("matrix", "--family", families, "--format", "markdown").Out + "\n";

        if (Environment.GetEnvironmentVariable("HARNESS_UPDATE") == "1")
        {
            File.WriteAllText(path, document[..begin] + current + document[end..]);
            return;
        }

        document[begin..end].Should().Be(current, "`HARNESS_UPDATE=1 dotnet test tests/Harness.Tests --filter MatrixCommand` writes it anew");
    }
}
