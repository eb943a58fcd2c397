using System.Text.Json;
using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>classify</c>, and the model files that it shares with other commands.</summary>
public sealed class ClassifyCommandTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Should_show_the_classes_of_an_instruction()
    {
        var result = _folder.Run("classify", "--cpu", "pentium", "--mode", "protected", "--instruction", "CLTS", "--format", "markdown");

        result.Error.Should().BeEmpty();
        result.Code.Should().Be(0);
        result.Out.Should().Contain("pentium, protected mode").And.MatchRegex(@"\| clts \| 0F 06 \| privileged \(\d+ pairs\)").And.NotContain("Theorem").And.NotContain("proved");
    }

    [Test]
    public void Should_be_a_part_of_a_report_that_reads_what_it_wrote()
    {
        _folder.Run("classify", "--cpu", "pentium", "--mode", "v86", "--instruction", "popfd", "--format", "json", "--out", "c.json").Should().Be((0, "", ""));
        _folder.Write("r.jsonl", RecordWriter.Line(new RunRecord { Scenario = "t/x", Outcome = Outcome.Passed }) + "\n");

        _folder.Run("report", "r.jsonl", "--classification", "c.json", "--out", "report", "--format", "html,markdown").Code.Should().Be(0);

        var alone = _folder.Run("classify", "--cpu", "pentium", "--mode", "v86", "--instruction", "popfd", "--format", "markdown").Out;
        File.ReadAllText(_folder.File("report/report.md")).Should().EndWith("\n" + alone);
        File.ReadAllText(_folder.File("report/report.html")).Should().Contain("<a href=\"#c0\">Instruction forms of pentium by experiment</a>").And.Contain("<h1 id=\"c0\">");
    }

    [TestCase("\"forms\": [", "\"forms\": [null,", "must not hold null")]
    [TestCase("\"configuration\": \"trapping\"", "\"configuration\": \"other\"", "a verdict for each configuration")]
    [TestCase("\"model\"", "\"models\"", "expected one JSON object")]
    [TestCase("harness-classification/1", "harness-classification/9", "expected schema harness-classification/1, found harness-classification/9")]
    public void Should_not_be_reported_when_it_is_damaged(string part, string replacement, string message)
    {
        var written = _folder.Run("classify", "--cpu", "pentium", "--mode", "v86", "--instruction", "popfd", "--format", "json").Out;
        written.Should().Contain(part);
        _folder.Write("c.json", written.Replace(part, replacement, StringComparison.Ordinal));
        _folder.Write("r.jsonl", RecordWriter.Line(new RunRecord { Scenario = "t/x", Outcome = Outcome.Passed }) + "\n");

        var report = _folder.Run("report", "r.jsonl", "--classification", "c.json", "--out", "d");

        report.Code.Should().Be(5);
        report.Error.Should().Contain("c.json").And.Contain(message);
    }

    [TestCase("console")]
    [TestCase("json")]
    [TestCase("markdown")]
    [TestCase("html")]
    public void Should_print_the_same_from_any_number_of_workers(string format)
    {
        string[] arguments = ["classify", "--cpu", "pentium", "--instruction", "mov", "--instruction", "popf", "--format", format, "--parallel"];

        var one = _folder.Run([.. arguments, "1"]);
        var two = _folder.Run([.. arguments, "2"]);

        one.Code.Should().Be(0, one.Error);
        two.Should().Be(one);
        one.Out.Should().Contain("mov cr3, r32").And.NotContain("\r");
    }

    [Test]
    public void Should_write_a_script_that_replays_every_witness()
    {
        string[] arguments = ["classify", "--cpu", "pentium", "--instruction", "popfd", "--instruction", "sgdt", "--instruction", "out", "--instruction", "iret", "--witness"];
        var classified = _folder.Run([.. arguments, "--out", "scenarios/t/witness.csx"]);
        classified.Code.Should().Be(0, classified.Error);
        classified.Out.Should().BeEmpty();

        var run = _folder.Run("run", "scenarios/t/witness.csx");
        run.Error.Should().BeEmpty();
        run.Out.Should().NotContain("failed").And.NotContain("error");
        _folder.Run("accept", "scenarios/t/witness.csx");
        _folder.Run("run", "scenarios/t/witness.csx").Code.Should().Be(0);
        _folder.Run(arguments).Out.Should().Contain("Differ(\"eflags.IF\"").And.Contain("CPL 3: ");
    }

    [Test]
    public void Should_write_no_script_of_forms_without_findings()
    {
        string[] arguments = ["classify", "--cpu", "pentium", "--mode", "real,protected", "--instruction", "nop", "--witness"];

        var refused = _folder.Run([.. arguments, "--out", "scenarios/t/witness.csx"]);

        refused.Code.Should().Be(8);
        refused.Error.Should().Be("harness: --witness: nothing was found about nop on pentium in real, protected mode under permissive, trapping, virtual-interrupts, so there is no witness; without --witness the verdicts are shown\n");
        refused.Out.Should().BeEmpty();
        Directory.Exists(_folder.File("scenarios/t")).Should().BeFalse();
        _folder.Run([.. arguments, "--configuration", "trapping"]).Error.Should().Contain("on pentium in real, protected mode under trapping, so");
        _folder.Run([.. arguments, "--instruction", "cli"]).Out.Should().Contain("// nop (o16 90) on pentium, protected mode\n").And.Contain("// cli (FA) on pentium, protected mode\n");
    }

    [TestCase("models/mine.json")]
    [TestCase("scenarios/t/mine.json")]
    [TestCase("scenarios/other/mine.json")]
    public void Should_name_a_model_file_as_the_script_sees_it(string path)
    {
        Write(path);
        _folder.Run("classify", "--cpu", path, "--mode", "protected", "--instruction", "smsw r32", "--witness", "--out", "scenarios/t/witness.csx").Should().Be((0, "", ""));

        _folder.Run("run", "--format", "json").Out.Should().Contain("passed").And.NotContain("\"outcome\":\"failed\"").And.NotContain("\"outcome\":\"error\"");
    }

    [Test]
    [Platform("Linux,MacOsX", Reason = "elsewhere a backslash is no part of a name")]
    public void Should_leave_a_backslash_in_the_name_of_a_model_file()
    {
        Write("a\\b.json");
        _folder.Run("classify", "--cpu", "a\\b.json", "--mode", "protected", "--instruction", "smsw r32", "--witness", "--out", "scenarios/t/witness.csx").Should().Be((0, "", ""));

        File.ReadAllText(_folder.File("scenarios/t/witness.csx")).Should().Contain("""cpu: "../../a\\b.json",""");
        _folder.Run("run").Out.Should().Contain("passed").And.NotContain("failed").And.NotContain("error");
    }

    [Test]
    [Platform("Linux", Reason = "elsewhere there is no folder without room for files")]
    public void Should_name_the_path_that_was_given_when_it_cannot_be_written()
    {
        string[] classify = ["classify", "--cpu", "i386", "--mode", "v86", "--instruction", "clts", "--out"];
        _folder.Write("file", "");

        _folder.Run([.. classify, "/proc/x"]).Should().Be((1, "", "harness: --out: expected a file that can be written, found a folder that takes no files: /proc/x\n"));
        _folder.Run([.. classify, "/proc/y/x"]).Error.Should().Be("harness: --out: expected a file that can be written, found a folder that takes no files: /proc/y/x\n");
        _folder.Run([.. classify, "file/x"]).Error.Should().Be("harness: --out: expected a folder, found a file (file): file/x\n");
        _folder.Run([.. classify, "file/y/x"]).Error.Should().Be("harness: --out: expected a folder, found a file (file): file/y/x\n");
        _folder.Write("r.jsonl", RecordWriter.Line(new RunRecord { Scenario = "t/x", Outcome = Outcome.Passed }) + "\n");
        _folder.Run("report", "r.jsonl", "--out", "/proc/x", "--format", "html").Error.Should().EndWith("takes no files: /proc/x/report.html\n");
        _folder.Run("report", "r.jsonl", "--out", "/proc", "--format", "html").Error.Should().EndWith("takes no files: /proc/report.html\n");
    }

    [Test]
    public void Should_print_a_theorem_with_the_forms_against_it()
    {
        var result = _folder.Run("classify", "--cpu", "i386", "--mode", "v86", "--theorem", "1,3", "--configuration", "trapping", "--format", "console");

        result.Code.Should().Be(0, result.Error);
        result.Out.Should().Contain("Theorem 1: i386, v86 mode").And.Contain("Theorem 3: i386, v86 mode").And.NotContain("Theorem 2").And.Contain("refuted by").And.NotContain("permissive");
    }

    [Test]
    public void Should_classify_the_model_of_a_file()
    {
        Write("mine.json");

        var result = _folder.Run("classify", "--cpu", "mine.json", "--mode", "real", "--instruction", "clts", "--format", "json");

        result.Code.Should().Be(0, result.Error);
        using var json = JsonDocument.Parse(result.Out);
        json.RootElement.GetProperty("schema").GetString().Should().Be("harness-classification/1");
        json.RootElement.GetProperty("model").GetString().Should().Be("mine");
        json.RootElement.GetProperty("cpu").GetString().Should().Be("mine.json", "output holds no path of the machine that wrote it");
    }

    [Test]
    public void Run_should_take_the_model_of_a_file()
    {
        Write("mine.json");
        _folder.Script("x", "Scenario(\"t\", s => s.Run(Guest.Protected32(a => a.Done())).Bare.ExitCode.Should().NotBe(0));");

        var run = _folder.Run("run", "--cpu", "mine.json", "--format", "json");

        run.Code.Should().Be(0, run.Out + run.Error);
        run.Out.Should().Contain("\"cpu\":\"mine\"");
    }

    [Test]
    public void Assertions_should_ask_the_same_of_a_model_file_beside_the_script()
    {
        Write("scenarios/t/mine.json");
        _folder.Script("x", """
            Scenario("t", s =>
            {
                s.Cpu("./mine.json").Classify("popfd").Should().BeSensitive("mode").And.BeSensitive(configuration: "trapping");
                s.Cpu("./mine.json").Classify("clts").Should().BePrivileged("control(system)");
                s.Cpu("./mine.json", "real").Classify("aaa").Should().BeInnocuous();
            });
            Scenario("u", name: "wrong", body: s => s.Cpu("./mine.json").Classify("popfd").Should().BePrivileged(because: "it should be"));
            Scenario("v", name: "unknown", body: s => s.Cpu("./mine.json").Classify("popfx"));
            """);

        var run = _folder.Run("run");

        run.Out.Should().Contain("passed          t/x ")
            .And.Contain("Expected popfd on ./mine.json, protected mode to be privileged because it should be, but found:\n    popfd, permissive: sensitive: ")
            .And.Contain("has no form 'popfx'; near it are popf");
        run.Out.Should().NotContain("not applicable");
    }

    [TestCase("./mine.json", "scenarios/t/mine.json")]
    [TestCase("../models/my own.json", "\"scenarios/models/my own.json\"")]
    public void Assertions_should_name_a_model_file_as_the_working_folder_sees_it(string cpu, string seen)
    {
        Write(Path.Combine("scenarios/t", cpu));
        _folder.Script("x", $$"""
            Scenario("t", s => s.Cpu("{{cpu}}", "v86").Classify("clts").Should().BeInnocuous());
            """);

        _folder.Run("run").Out.Should().Contain($"See: harness classify --cpu {seen} --mode v86 --instruction \"clts\" --witness\n");
        _folder.Run("classify", "--cpu", seen.Trim('"'), "--mode", "v86", "--instruction", "clts").Code.Should().Be(0);
    }

    [TestCase(8, "pentium has no form 'popfx'; near it are popf", "--instruction", "popfx")]
    [TestCase(5, "--mode: mode 'long': no processor model has long mode yet; expected one of real, protected, v86\n", "--mode", "long")]
    [TestCase(5, "harness: --mode: expected one of the modes real, protected, v86; found 'x'", "--mode", "real,x")]
    [TestCase(5, "--theorem: expected 1, 2 or 3; found '4'", "--theorem", "1,4")]
    [TestCase(5, "--theorem speaks of all forms", "--theorem", "1", "--instruction", "popf")]
    [TestCase(5, "--witness: name the forms", "--witness")]
    [TestCase(5, "leave out --format", "--witness", "--instruction", "popf", "--format", "json")]
    [TestCase(5, "--configuration: expected one of the configurations permissive, trapping, virtual-interrupts, supervisor-segments, supervisor-pages of pentium; found 'x'", "--configuration", "x")]
    public void Should_refuse(int code, string message, params string[] arguments)
    {
        var result = _folder.Run(["classify", "--cpu", "pentium", .. arguments]);

        result.Code.Should().Be(code);
        result.Error.Should().Contain(message);
        result.Out.Should().BeEmpty();
    }

    [TestCase("classify", "none", "--cpu: expected one of i386, ")]
    [TestCase("run", "none", "a model file (*.json); found 'none'")]
    [TestCase("classify", "none.json", "none.json: the model file cannot be read")]
    [TestCase("run", "none.json", "none.json: the model file cannot be read")]
    [TestCase("classify", "bad.json", "bad.json(1,2): not JSON")]
    public void Should_refuse_a_model_that_is_none(string command, string cpu, string message)
    {
        _folder.Write("bad.json", "{");
        _folder.Script("x", "Scenario(\"t\", s => s.Host.Count(1, 0));");

        var result = _folder.Run(command, "--cpu", cpu);

        result.Code.Should().Be(5);
        result.Error.Should().Contain(message);
    }

    /// <summary>The i386 under another name.</summary>
    private void Write(string path)
    {
        using Stream stream = typeof(Harness.Machine.ProcessorModel).Assembly.GetManifestResourceStream("models/i386.json")!;
        using var reader = new StreamReader(stream);
        _folder.Write(path, reader.ReadToEnd().Replace("\"i386\"", "\"mine\"", StringComparison.Ordinal));
    }
}
