using FluentAssertions;
using Harness.Cli;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>What a clumsy user gives the command line ends in a complaint and its exit code, never in a defect or a false success.</summary>
public sealed class HostileInputTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("Scenario(\"x\", async s => { await System.Threading.Tasks.Task.Yield(); });", "the body is async")]
    [TestCase("Scenario(\"x\", s => Environment.Exit(0));", "'Environment.Exit(int)' is banned")]
    public void ShouldRefuseAScriptThatWouldHideItsVerdict(string script, string complaint)
    {
        _folder.Script("bad", script);

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("bad.csx(2,").And.Contain(complaint);
    }

    [Test]
    public void ShouldRefuseAnEmptyScript()
    {
        _folder.Write("scenarios/t/empty.csx", "");

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("empty.csx(1,1)").And.Contain("the script is empty");
    }

    [TestCase("s.Run(null)", "expected a guest such as Guest.Protected32")]
    [TestCase("s.Inject(null, Harness.Machine.Devices.Injection.Nmi(1))", "expected a guest such as Guest.Protected32")]
    [TestCase("s.Run(Guest.Protected32(a => a.Done()), cpu: null)", "expected the name of a processor model")]
    [TestCase("s.Run(Guest.Protected32(a => a.Done())).Each(Harness.Vmm.MonitorKind.Any, null)", "expected a check such as")]
    [TestCase("Guest.Protected32(null)", "expected code such as")]
    [TestCase("Guest.Kernel(null)", "expected a description such as")]
    [TestCase("Guest.Kernel(k => k.User(null))", "expected code such as")]
    [TestCase("Guest.Kernel(k => k.OnIrq(0, null))", "expected code such as")]
    [TestCase("Guest.Protected32(a => a.Mark(null))", "expected a name")]
    [TestCase("Guest.FromFile(null, 0, Harness.Machine.EntryMode.Real)", "expected the path of a guest file")]
    [TestCase("s.NotApplicable(null)", "expected the reason")]
    [TestCase("s.Fact(\"figures\", [\"one\", null])", "found null at index 1 of the fact \"figures\"")]
    public void ShouldSayWhatBelongsInThePlaceOfNull(string call, string expected)
    {
        _folder.Script("bad", "#r \"Harness.Vmm\"\n#r \"Harness.Machine\"\nScenario(\"x\", s =>\n{\n    " + call + ";\n});");

        var run = _folder.Run("run", "--engine", "bare");

        run.Code.Should().Be(2);
        run.Out.Should().MatchRegex("scenarios/t/bad.csx\\([46]\\): ", "the line of the call, or that of the scenario where the compiler has optimised the frame away").And.Contain(expected).And.NotContain("NullReference");
    }

    [TestCase("s.Hosted(-5, h => h.Machine(\"a\", Guest.Protected32(a => a.Done())))", "expected pages of 4 KiB from 1; found -5")]
    [TestCase("s.Hosted(999, h => h.Machine(\"a\", Guest.Protected32(a => a.Done()), minimumPages: -1))", "Machine 'a': expected a minimum of pages from 0; found -1")]
    [TestCase("s.Run(Guest.Protected32(a => a.Done()), maxInstructions: -1)", "expected a budget in ticks from 1; found -1")]
    [TestCase("s.Inject(Guest.Protected32(a => a.Done()), Harness.Machine.Devices.Injection.Nmi(1), maxInstructions: 0)", "expected a budget in ticks from 1; found 0")]
    public void ShouldRefuseAFigureThatCannotBe(string call, string expected)
    {
        _folder.Script("bad", "#r \"Harness.Machine\"\nScenario(\"x\", s => { " + call + "; });");

        var run = _folder.Run("run", "--engine", "bare");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("scenarios/t/bad.csx(3): ArgumentException: " + expected);
    }

    [TestCase("class E : Exception { public override string Message => throw new Exception(); }\nScenario(\"x\", s => throw new E());", 2, "bad.csx(3): E: its Message")]
    [TestCase("class AssertionException : Exception { public override string Message => throw new Exception(); }\nScenario(\"x\", s => throw new AssertionException());", 2, "bad.csx(3): its Message")]
    [TestCase("class E : Exception { public override string Message => throw new Exception(); }\nthrow new E();", 2, "E: its Message")]
    public void ShouldReportAnExceptionThatCannotSayWhatItIs(string script, int code, string complaint)
    {
        _folder.Script("bad", script);

        var run = _folder.Run("run");

        run.Code.Should().Be(code);
        (run.Out + run.Error).Should().Contain(complaint);
    }

    [TestCase("scenarios/t/f.csx")]
    [TestCase("scenarios/t/part.csx")]
    public void ShouldNotOpenAPipeOrADeviceForAScript(string place)
    {
        _folder.Script("bad", "#load \"part.csx\"\nScenario(\"x\", s => s.Host.Count(1, 0));");
        _folder.Write("scenarios/t/part.csx", "");
        File.Delete(_folder.File(place));
        File.CreateSymbolicLink(_folder.File(place), "pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", _folder.File("scenarios/t/pipe")))
        {
            made.WaitForExit();
        }

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("expected a regular file, found a pipe, a socket or a device").And.MatchRegex("(f.csx\\(1,1\\)|bad.csx\\(2,)");
    }

    [TestCase("ring a", "b.csx(1,1): error HS0004: scripts load each other in a ring: a.csx loads b.csx loads a.csx")]
    [TestCase("ring self", "a.csx(1,1): error HS0004: scripts load each other in a ring: a.csx loads a.csx")]
    public void ShouldNameARingOfScripts(string kind, string complaint)
    {
        _folder.Write("scenarios/t/a.csx", kind == "ring a" ? "#load \"b.csx\"" : "#load \"a.csx\"");
        _folder.Write("scenarios/t/b.csx", "#load \"a.csx\"");

        var run = _folder.Run("run", "scenarios/t/a.csx");

        run.Code.Should().Be(5);
        run.Error.Should().Contain(complaint);
    }

    [TestCase("scenarios/t/bad.csx", 2)]
    [TestCase("scenarios/t/part.csx", 1)]
    public void ShouldRefuseBracketsThatNestTooDeep(string place, int line)
    {
        _folder.Script("bad", "#load \"part.csx\"");
        _folder.Write("scenarios/t/part.csx", "");
        var before = line == 2 ? "#load \"../prelude.csx\"\n" : "";
        _folder.Write(place, before + "var x = " + new string('(', 20_000) + "1" + new string(')', 20_000) + ";");

        var run = _folder.Process("run", "scenarios/t/bad.csx");

        run.Code.Should().Be(5);
        run.Error.Should().Contain($"{Path.GetFileName(place)}({line},1009): error HS0004: brackets nest deeper than 1000");
    }

    [Test]
    public void ShouldCompileBracketsThatNestAsDeepAsAllowed()
    {
        _folder.Script("deep", "Scenario(\"x\", s => s.Host.Count(" + new string('(', 997) + "1" + new string(')', 997) + ", 0));");

        var run = _folder.Process("run");

        run.Code.Should().Be(0, run.Error);
    }

    [TestCase("a:b/x", "a:b")]
    [TestCase("t/x[1]*", "x[1]*")]
    public void ShouldRefuseAScriptWhoseNameCannotBePartOfAnId(string script, string name)
    {
        _folder.Write($"scenarios/{script}.csx", "#load \"../prelude.csx\"\nScenario(\"x\", s => s.Run(Guest.Protected32(a => a.Done())));");

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain($"scenarios/{script}.csx(1,1): error HS0004: the name '{name}' becomes part of an id");
    }

    [TestCase("--load", "/dev/zero@0")]
    [TestCase("--kernel", "/dev/zero")]
    [TestCase("--bios", "/dev/zero")]
    public void ShouldNotReadADeviceWithoutEnd(string option, string value)
    {
        var run = _folder.Run("boot", "--memory", "1", option, value);

        run.Code.Should().Be(5);
        run.Error.Should().Be($"harness: {option}: expected a file of 1 to 1048576 bytes, found more: /dev/zero\n");
    }

    [Test]
    public void ShouldTakeAFolderThatWasRemovedForAnEmptyOne()
    {
        var gone = _folder.File("gone");
        Directory.CreateDirectory(gone);
        var start = new System.Diagnostics.ProcessStartInfo("/bin/sh", ["-c", $"rmdir \"$PWD\"; exec dotnet {Path.Combine(AppContext.BaseDirectory, "harness.dll")} run x"])
        {
            WorkingDirectory = gone,
            RedirectStandardError = true,
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        process.StandardError.ReadToEnd().Should().Be("harness: x: no such file or folder, and no such id in scenarios; `harness list` shows the ids\n");
        process.WaitForExit();
        process.ExitCode.Should().Be(5);
    }

    [Test]
    public void ShouldRefuseABodyThatIsNull()
    {
        _folder.Script("bad", "Scenario(\"x\", (Action<ScenarioContext>)null);");

        _folder.Run("run").Error.Should().Contain("bad.csx(2,1)").And.Contain("expected a body");
    }

    [Test]
    public void ShouldReturn1WhenTheOutputIsFull()
    {
        _folder.Script("good", "Scenario(\"x\", s => s.Host.Count(1, 0));");
        using var error = new MemoryStream();
        using (var environment = new CommandEnvironment(new FullStream(), error, _folder.Path) { Variable = name => _folder.Variables.GetValueOrDefault(name) })
        {
            CommandLine.Run(["run"], environment).Should().Be(1);
        }

        System.Text.Encoding.UTF8.GetString(error.ToArray()).Should().Be("harness: no space\n");
    }

    [Test]
    public void ShouldReturn1ForAFolderInThePlaceOfASnapshot()
    {
        _folder.Script("snap", """Scenario("x", s => s.Host.Add(new RunRecord { Scenario = "", Engine = "bare", Run = 1, Outcome = Outcome.Passed }));""");
        Directory.CreateDirectory(_folder.File("snapshots/t/snap.verified.txt"));

        var run = _folder.Run("run");

        run.Code.Should().Be(1);
        run.Out.Should().Contain("expected a file, found a folder: " + _folder.File("snapshots/t/snap.verified.txt"));
    }

    [Test]
    public void ShouldTakeTheLongestTimeout()
    {
        _folder.Script("good", "Scenario(\"x\", s => s.Host.Count(1, 0));");

        _folder.Run("run", "--timeout", "2147483647").Code.Should().Be(0);
    }

    [Test]
    public void ShouldNotLetAMessageColourTheOutput()
    {
        _folder.Script("bad", "Scenario(\"x\", s => throw new InvalidOperationException(\"\\u001b[31m\"));");

        _folder.Run("run").Out.Should().Contain("\\u{1B}[31m").And.NotContain("\u001b");
    }

    [Test]
    public void ShouldWriteRecordsThroughALinkInsteadOfReplacingIt()
    {
        _folder.Script("good", "Scenario(\"x\", s => s.Host.Count(1, 0));");
        _folder.Write("target", "old");
        File.CreateSymbolicLink(_folder.File("link"), _folder.File("target"));

        _folder.Run("run", "--records", "link").Code.Should().Be(0);

        new FileInfo(_folder.File("link")).LinkTarget.Should().NotBeNull();
        File.ReadAllText(_folder.File("target")).Should().StartWith("{\"schema\"");
    }

    [TestCase("--debug-port", "0x20=out")]
    [TestCase("--exit-port", "0x20")]
    [TestCase("--initrd", "code")]
    [TestCase("--append", "text")]
    public void ShouldRefuseBootOptionsThatCannotBeObeyed(string option, string value)
    {
        File.WriteAllBytes(_folder.File("code"), [0xFA, 0xF4]);

        var run = _folder.Run("boot", "--load", "code@0x7C00", option, value);

        run.Code.Should().Be(5);
        run.Error.Should().Contain(option);
    }

    [TestCase("--exit-port", "0x20")]
    [TestCase("--memory", "0")]
    [TestCase("--disk", "none")]
    [TestCase("--debug-port", "0x3F8=other")]
    public void ShouldCheckEveryBootOptionBeforeItTouchesAFile(string option, string value)
    {
        File.WriteAllBytes(_folder.File("code"), [0xFA, 0xF4]);
        _folder.Write("serial", "old");

        _folder.Run("boot", "--load", "code@0x7C00", "--serial", "serial", "--debug-port", "0xE9=debug", option, value).Code.Should().Be(5);

        File.ReadAllText(_folder.File("serial")).Should().Be("old");
        File.Exists(_folder.File("debug")).Should().BeFalse();
    }

    /// <summary>A disk on which nothing fits.</summary>
    private sealed class FullStream : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("no space");

        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("no space");
    }
}
