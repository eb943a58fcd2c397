using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>Paths on the command line: an empty one is refused by the name of its option, and no result takes the place of what the same command reads.</summary>
public sealed class PathOptionTests
{
    private const string Passing = "Scenario(\"x\", s => s.Host.Count(1, 0));";

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new CliFolder();
        _folder.Script("a", Passing);
        File.WriteAllBytes(_folder.File("code"), [0xFA, 0xF4]);
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("PATH", "accept", "")]
    [TestCase("PATH", "run", "")]
    [TestCase("PATH", "list", "t", "")]
    [TestCase("SCENARIO", "trace", "")]
    [TestCase("--records", "run", "--records", "")]
    [TestCase("--timings", "run", "--timings", "")]
    [TestCase("RECORDS", "report", "")]
    [TestCase("--out", "report", "code", "--out", "")]
    [TestCase("--timings", "report", "code", "--timings", "")]
    [TestCase("--matrix", "report", "code", "--matrix", "")]
    [TestCase("--classification", "report", "code", "--classification", "")]
    [TestCase("--out", "classify", "--out", "")]
    [TestCase("--out", "matrix", "--out", "")]
    [TestCase("--bios", "boot", "--bios", "")]
    [TestCase("--kernel", "boot", "--kernel", "")]
    [TestCase("--initrd", "boot", "--kernel", "code", "--initrd", "")]
    [TestCase("--disk", "boot", "--disk", "")]
    [TestCase("--serial", "boot", "--load", "code@0x7C00", "--serial", "")]
    [TestCase("--serial-input", "boot", "--load", "code@0x7C00", "--serial-input", "")]
    [TestCase("--screen", "boot", "--load", "code@0x7C00", "--screen", "")]
    [TestCase("--debug-port", "boot", "--load", "code@0x7C00", "--debug-port", "0xE9=")]
    [TestCase("--load", "boot", "--load", "@0x7C00")]
    public void An_empty_path_is_refused_by_the_name_of_its_option(string option, params string[] arguments)
    {
        var run = _folder.Run(arguments);
        run.Code.Should().Be(5);
        run.Error.Should().StartWith($"harness: {option}: expected a path, found an empty one (an unset variable?)\n");

        var blank = _folder.Run([.. arguments.Select(a => a.Length == 0 ? " " : a.Replace("=", "= ").Replace("@0x7C00", arguments[^1] == a ? " @0x7C00" : "@0x7C00"))]);
        blank.Code.Should().Be(5);
        blank.Out.Should().BeEmpty("nothing has run");
    }

    [TestCase("--records", "scenarios/t/a.csx", "a script of this run")]
    [TestCase("--records", "./scenarios/../scenarios/prelude.csx", "a script of this run")]
    [TestCase("--timings", "scenarios/t/a.csx", "a script of this run")]
    [TestCase("--records", "link", "a script of this run")]
    [TestCase("--records", "folder/t/a.csx", "a script of this run")]
    [TestCase("--records", "scenarios/t/other.csx", "a script")]
    [TestCase("--records", "snapshots/t/a.verified.txt", "a snapshot")]
    [TestCase("--timings", "mine.json", "the file of --cpu")]
    public void No_result_of_a_run_takes_the_place_of_what_it_reads(string option, string file, string what)
    {
        File.CreateSymbolicLink(_folder.File("link"), "scenarios/t/a.csx");
        Directory.CreateSymbolicLink(_folder.File("folder"), "scenarios");
        _folder.Script("other", Passing);
        _folder.Write("snapshots/t/a.verified.txt", "text");
        WriteModel();
        var before = File.ReadAllText(_folder.File(file));

        var run = _folder.Run("run", "t/a", "--cpu", "mine.json", option, file);

        run.Code.Should().Be(5);
        run.Out.Should().BeEmpty("nothing has run");
        run.Error.Should().Be($"harness: {option}: expected a file to write, found {what}: {file}\n");
        File.ReadAllText(_folder.File(file)).Should().Be(before);
    }

    [Test]
    public void Two_results_of_a_run_do_not_share_a_file()
    {
        var run = _folder.Run("run", "--records", "r", "--timings", "./r");

        run.Code.Should().Be(5);
        run.Error.Should().Be("harness: --timings: expected a file to write, found the file of --records: ./r\n");
        File.Exists(_folder.File("r")).Should().BeFalse();
        _folder.Run("run", "--records", "/dev/null", "--timings", "/dev/null").Code.Should().Be(0);
        _folder.Run("run", "--records", "-", "--timings", "-").Code.Should().Be(0);
    }

    [Test]
    public void No_document_takes_the_place_of_a_record_that_it_is_made_of()
    {
        _folder.Run("run", "--records", "report.json").Code.Should().Be(0);
        var before = File.ReadAllText(_folder.File("report.json"));

        var run = _folder.Run("report", "report.json", "--out", ".");

        run.Code.Should().Be(5);
        run.Error.Should().Be("harness: --out: expected a file to write, found the file of RECORDS: ./report.json\n");
        File.ReadAllText(_folder.File("report.json")).Should().Be(before);
        _folder.Run("report", "report.json", "--out", ".", "--format", "html").Code.Should().Be(0);
    }

    [TestCase("classify", "--instruction", "sgdt")]
    [TestCase("matrix", "--family", "sgdt")]
    public void No_result_takes_the_place_of_the_model(params string[] command)
    {
        WriteModel();

        var run = _folder.Run([.. command, "--cpu", "mine.json", "--out", "mine.json"]);

        run.Code.Should().Be(5);
        run.Error.Should().Be("harness: --out: expected a file to write, found the file of --cpu: mine.json\n");
    }

    [TestCase("--serial", "code", "--load")]
    [TestCase("--screen", "code", "--load")]
    [TestCase("--debug-port", "0xE9=code", "--load")]
    [TestCase("--screen", "disk", "--disk")]
    [TestCase("--screen", "input", "--serial-input")]
    public void No_output_of_a_guest_takes_the_place_of_what_it_is_made_of(string option, string value, string input)
    {
        _folder.Write("disk", new string('x', 512));
        _folder.Write("input", "x");

        var run = _folder.Run("boot", "--load", "code@0x7C00", "--disk", "disk", "--serial-input", "input", option, value);

        run.Code.Should().Be(5);
        run.Error.Should().Be($"harness: {option}: expected a file to write, found the file of {input}: {value[(value.IndexOf('=') + 1)..]}\n");
        File.ReadAllBytes(_folder.File("code")).Should().Equal(0xFA, 0xF4);
    }

    [Test]
    public void Two_outputs_of_a_guest_do_not_share_a_file()
    {
        var run = _folder.Run("boot", "--load", "code@0x7C00", "--serial", "out", "--debug-port", "0xE9=out");

        run.Code.Should().Be(5);
        run.Error.Should().Be("harness: --debug-port: expected a file to write, found the file of --serial: out\n");
        File.Exists(_folder.File("out")).Should().BeFalse();
    }

    private void WriteModel()
    {
        using var reader = new StreamReader(typeof(Harness.Machine.ProcessorModel).Assembly.GetManifestResourceStream("models/i386.json")!);
        _folder.Write("mine.json", reader.ReadToEnd());
    }
}
