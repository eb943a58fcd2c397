using System.Diagnostics;
using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>run</c>: results, their forms and every exit code.</summary>
public sealed class RunCommandTests
{
    private const string OneRun = """
        Scenario("snapshot", covers: "A1", s => s.Host.Add(new RunRecord
        {
            Scenario = "", Engine = "bare", Run = 1, Outcome = Outcome.Passed, Console = File.Exists("CHANGED") ? "new text" : "text",
        }));
        """;

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void ShouldReturn0WhenAllPassOrDoNotApply()
    {
        _folder.Script("good", """
            Scenario("one", covers: "B5, A1", s => (1 + 1).Should().Be(2));
            foreach (var v in new[] { 1, 2 })
            {
                Scenario("many", covers: "A2", parameters: new { v, mode = "real" }, s => { if (v == 2) { s.NotApplicable("no two"); } s.Host.Count(1, 0); });
            }
            """);

        var run = _folder.Run("run");

        run.Error.Should().BeEmpty();
        run.Code.Should().Be(0);
        run.Out.Should().Be("""
            outcome         scenario              runs  snapshot
            passed          t/good                   0  -
            passed          t/good_v=1_mode=real     0  -
            not applicable  t/good_v=2_mode=real     0  -
                no two
            3 scenarios: 2 passed, 1 not applicable

            """);
    }

    [Test]
    public void ShouldNotTakeAnOptionThatNoEngineHas()
    {
        _folder.Script("option", """
            Scenario("x", s => s.Run(Guest.Protected32(a => a.Done()), settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["userreturn"] = "direct" } }));
            """);

        var run = _folder.Run("run");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("No engine has an option 'userreturn'; there are adaptation, cacheKiB, emulation, largePages, paging, ring, shadows, userReturn.");
    }

    [Test]
    public void ShouldSetTheEnginesSideBySide()
    {
        _folder.Script("runs", """
            Scenario("runs", s =>
            {
                var differs = new RunProperties(new EquivalenceProperty(false, null, null, false), null, null);
                var trap = new EventTotal { Kind = "trap", Cause = "#GP", Level = 1, Count = 12 };
                s.Host.Add(new RunRecord { Scenario = "", Engine = "bare", Run = 1, Outcome = Outcome.Passed, Events = [trap with { Level = 0 }] });
                s.Host.Add(new RunRecord { Scenario = "", Engine = "trap013", Run = 1, Outcome = Outcome.Passed, Events = [trap], Properties = differs });
                s.Host.Add(new RunRecord { Scenario = "", Engine = "vtx", Run = 1, Outcome = Outcome.NotApplicable, Message = "why not" });
            });
            """);

        _folder.Run("run", "--seed", "1").Out.Should().Be("""
            outcome         scenario  runs  snapshot
            passed          t/runs       2  -

                    bare  trap013       vtx
            t/runs  ran   differs 12+0  -
            (same: as on the bare machine; differs: not so; -: not applicable; then traps+exits that reached the monitor)

            engine   runs  not applicable  same  differs  traps  exits
            bare     1     0               0     0        0      0
            trap013  1     0               0     1        12     0
            vtx      0     1               0     0        0      0

            1 scenario: 1 passed

            """);
        _folder.Run("run", "--seed", "1", "--quiet").Out.Should().Be("1 scenario: 1 passed\n");
    }

    [Test]
    public void ShouldShowTotalsOnlyOfManyScenarios()
    {
        _folder.Script("many", """
            for (var n = 0; n < 25; n++)
            {
                Scenario("many", covers: "A2", parameters: new { n }, s => s.Host.Add(new RunRecord { Scenario = "", Engine = "bare", Run = 1, Outcome = Outcome.Passed }));
            }
            """);

        _folder.Run("run", "--seed", "1").Out.Should().Contain("\nbare    25 ").And.NotContain("  ran\n");
        _folder.Run("run", "--seed", "1", "--verbose").Out.Should().Contain("\nt/many_n=24  ran\n");
    }

    [TestCase("x")]
    [TestCase("0")]
    public void ShouldSayWhichNumberItExpected(string number) =>
        _folder.Run("run", "--parallel", number).Error.Should().StartWith($"harness: --parallel: expected a number from 1 to 2147483647, found '{number}'\n");

    [Test]
    public void ShouldSayOnceThatAScriptDoesNotCompile()
    {
        _folder.Script("bad", "Scenary();");

        var run = _folder.Run("run");

        run.Error.Should().Contain("CS0103");
        run.Out.Should().NotContain("CS0103");
    }

    [Test]
    public void ShouldNameTheScenarioWhoseStackOverflows()
    {
        _folder.Script("a-good", "Scenario(\"good\", s => s.Host.Count(1, 0));");
        _folder.Script("deep", "int Deep(int n) => n + Deep(n + 1);\nScenario(\"deep\", s => s.Log(Deep(1).ToString()));");

        var (code, error) = RunAsProcess("--records", "r.jsonl");

        error.Should().Contain("scenario t/deep of scenarios/t/deep.csx");
        code.Should().NotBe(0);
        RecordReader.Read(_folder.File("r.jsonl.partial")).Select(r => r.Scenario).Should().Equal("t/a-good");
    }

    [Test]
    public void ShouldNotSucceedWhereAScriptEndsTheProcess()
    {
        _folder.Script("exit", "Scenario(\"exit\", s => typeof(object).Assembly.GetType(\"System.Environment\")!.GetMethod(\"Exit\")!.Invoke(null, [0]));");

        RunAsProcess().Should().Be((2, "harness: a script ended the process; there is no result of anything\n"));
    }

    [TestCase("s => { }")]
    [TestCase("s => s.Log(\"nothing\")")]
    [TestCase("s => { var cpu = s.Cpu(\"yonah\"); }")]
    [TestCase("s => { Guest.Protected32(a => a.Done()); }")]
    [TestCase("s => s.Hosted(1, h => h.Machine(\"a\", Guest.Protected32(a => a.Done()), minimumPages: 2))")]
    [TestCase("s => s.Sweep(Guest.Protected32(a => a.Done()), 5, 4, Harness.Machine.Devices.Injection.Nmi, run => { })", "error", "found from 5 to 4")]
    public void ShouldNotPassAScenarioThatShowsNothing(string body, string outcome = "failed", string complaint = "nothing was run, asked or asserted")
    {
        _folder.Script("empty", $"#r \"Harness.Machine\"\nScenario(\"x\", {body});");

        var run = _folder.Run("run", "--format", "json");

        run.Code.Should().Be(2);
        run.Out.Should().Contain($"\"outcome\":\"{outcome}\"").And.Contain("scenarios/t/empty.csx(3): ").And.Contain(complaint);
    }

    [TestCase("s => s.Run(Guest.Protected32(a => a.Done()))")]
    [TestCase("s => s.Cpu(\"pentium\").Classify(\"sgdt\").Should().BeSensitive()")]
    [TestCase("s => { var forms = s.Cpu(\"pentium\").Classify(\"sgdt\").Forms; forms.Count.Should().BeGreaterThan(0); }")]
    [TestCase("s => s.NotApplicable(\"not today\")")]
    [TestCase("s => 1.Should().Be(1)")]
    [TestCase("s => { void Check<T>(T value) => new[] { 1 }.ToList().ForEach(n => n.Should().Be(1)); Check(s); }")]
    [TestCase("s => FluentActions.Invoking(() => Guest.FromFile(\"none\", 0, Harness.Machine.EntryMode.Real)).Should().Throw<Exception>()")]
    public void ShouldTakeARunOrAQuestionForSomething(string body)
    {
        _folder.Script("some", $"#r \"Harness.Machine\"\nScenario(\"x\", {body});");

        _folder.Run("run", "--seed", "1").Code.Should().Be(0);
    }

    [Test]
    public void ShouldReturn2AndPlaceTheFailureWhenAScenarioFailsOrThrows()
    {
        _folder.Script("bad", """
            Scenario("fails", s => (1 + 1).Should().Be(3), name: "fails");
            Scenario("throws", name: "throws", body: s =>
            {
                throw new InvalidOperationException("boom");
            });
            Scenario("passes", name: "passes", body: s => s.Host.Count(1, 0));
            """);

        var run = _folder.Run("run", "--records", "out/records.jsonl");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("scenarios/t/bad.csx(2): Expected").And.Contain("scenarios/t/bad.csx(5): InvalidOperationException: boom");
        var records = RecordReader.Read(_folder.File("out/records.jsonl"));
        records.Select(r => (r.Scenario, r.Outcome, r.Engine, r.Line)).Should().Equal(
            ("t/bad.fails", Outcome.Failed, null, 2), ("t/bad.passes", Outcome.Passed, null, 7), ("t/bad.throws", Outcome.Error, null, 3));
        records[0].File.Should().Be("scenarios/t/bad.csx");
    }

    [Test]
    public void ShouldReturn5WithClickableErrorsWhenAScriptDoesNotCompileAndRunTheOthers()
    {
        _folder.Script("good", "Scenario(\"good\", s => s.Host.Count(1, 0));");
        _folder.Script("bad", "\n  Scenary(\"bad\", s => s.Host.Count(1, 0));");

        var run = _folder.Run("run", "--format", "json");

        run.Code.Should().Be(5);
        run.Error.Should().StartWith("scenarios/t/bad.csx(3,3): error CS0103: ");
        run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(2)
            .And.Contain(line => line.Contains("\"scenario\":\"t/bad\"") && line.Contains("\"engine\":null") && line.Contains("\"outcome\":\"error\""))
            .And.Contain(line => line.Contains("\"scenario\":\"t/good\"") && line.Contains("\"outcome\":\"passed\""));
    }

    [TestCase("Scenario(\"a\", s => s.Host.Count(1, 0));\nScenario(\"b\", s => { });", "error HS0004: the id 't/x' is also that of scenarios/t/x.csx(2)", 5)]
    [TestCase("Scenario(\"a\", covers: \"B5, Q9\", s => s.Host.Count(1, 0));", "scenarios/t/x.csx(2,1): error HS0004: covers names 'Q9'", 5)]
    [TestCase("Scenario(\"a\", name: \"no blank\", body: s => s.Host.Count(1, 0));", "scenarios/t/x.csx(2,1): error HS0004: the name 'no blank'", 5)]
    [TestCase("throw new InvalidOperationException(\"top\");", "scenarios/t/x.csx(2,1): error HS0005: InvalidOperationException: top", 2)]
    [TestCase("#load \"missing.csx\"", "scenarios/t/x.csx(2,7): error CS1504", 5)]
    public void ShouldRefuseScriptsThatDeclareBadly(string script, string error, int code)
    {
        _folder.Script("x", script);

        var run = _folder.Run("run");

        run.Error.Should().Contain(error);
        run.Code.Should().Be(code);
    }

    [TestCase("Scenario(\"loops\", s => { while (Directory.Exists(@\"FOLDER\")) { } });")]
    [TestCase("while (Directory.Exists(@\"FOLDER\")) { }")]
    public void ShouldReturn2NamingTheScriptThatDoesNotReturnInTime(string script)
    {
        // It ends with the test: what waits for a shorter moment may miss it, and take a processor from all other tests.
        _folder.Script("a-first", "Scenario(\"first\", s => s.Host.Count(1, 0));");
        _folder.Script("loops", script.Replace("FOLDER", _folder.Path, StringComparison.Ordinal));
        _folder.Script("rest", "Scenario(\"rest\", s => s.Host.Count(1, 0));");

        var run = _folder.Run("run", "--timeout", "3", "--parallel", "1", "--format", "json");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("\"scenario\":\"t/loops\"").And.Contain("\"file\":\"scenarios/t/loops.csx\"")
            .And.MatchRegex("\"message\":\"scenarios/t/loops.csx.*: did not return within 3 s").And.Contain("\"not run: t/loops did not return");
        run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(3);
    }

    [TestCase("run", "--engine", "nonsense")]
    [TestCase("run", "--cpu", "nonsense")]
    [TestCase("run", "--nonsense")]
    [TestCase("run", "--parallel", "0")]
    [TestCase("run", "--parallel", "x")]
    [TestCase("run", "--seed", "-1")]
    [TestCase("run", "--timeout", "soon")]
    [TestCase("run", "--shard", "3/2")]
    [TestCase("run", "--format", "morse")]
    [TestCase("run", "--max-instructions", "0")]
    [TestCase("run", "missing")]
    [TestCase("run", "scenarios/t/text.txt")]
    [TestCase("nonsense")]
    [TestCase]
    public void ShouldReturn5ForBadArguments(params string[] arguments)
    {
        _folder.Script("good", "Scenario(\"good\", s => s.Host.Count(1, 0));");
        _folder.Write("scenarios/t/text.txt", "");

        var run = _folder.Run(arguments);

        run.Code.Should().Be(5);
        run.Error.Should().StartWith("harness: ");
        run.Out.Should().BeEmpty();
    }

    [Test]
    public void ShouldReturn5ForAScriptThatCannotBeRead()
    {
        Directory.CreateDirectory(_folder.File("scenarios/t"));
        File.CreateSymbolicLink(_folder.File("scenarios/t/lost.csx"), _folder.File("nowhere"));

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().StartWith("scenarios/t/lost.csx(1,1): error HS0001: ");
    }

    [Test]
    public void ShouldReturn8WhenNothingMatches()
    {
        Directory.CreateDirectory(_folder.File("empty"));
        _folder.Script("good", "Scenario(\"good\", s => s.Host.Count(1, 0));");

        _folder.Run("run", "empty").Code.Should().Be(8);
        _folder.Run("run", "--filter", "u/*").Code.Should().Be(8);
        Directory.Delete(_folder.File("scenarios"), recursive: true);
        _folder.Run("run").Code.Should().Be(8);
    }

    [Test]
    public void ShouldReturn3AndKeepFinishedRecordsWhenCancelled()
    {
        _folder.Script("a", "Scenario(\"a\", s => s.Host.Count(1, 0));");
        _folder.Script("b", "Scenario(\"b\", s => { s.Log(\"started\"); s.Cancellation.WaitHandle.WaitOne(); s.Cancellation.ThrowIfCancellationRequested(); });");
        _folder.Script("c", "Scenario(\"c\", s => s.Host.Count(1, 0));");
        _folder.OnError = text =>
        {
            if (text.Contains("started", StringComparison.Ordinal))
            {
                _folder.Cancellation.Cancel();
            }
        };

        var run = _folder.Run("run", "--verbose", "--parallel", "1", "--records", "records.jsonl");

        run.Code.Should().Be(3);
        run.Error.Should().EndWith("harness: cancelled; 1 of 3 have a result\n");
        RecordReader.Read(_folder.File("records.jsonl")).Select(r => r.Scenario).Should().Equal("t/a");
    }

    [Test]
    public void ShouldReturn1WhenAFileCannotBeWritten()
    {
        _folder.Script("good", "Scenario(\"good\", s => s.Host.Count(1, 0));");
        _folder.Write("file", "");

        _folder.Run("run", "--records", "file/records.jsonl").Code.Should().Be(1);
    }

    [Test]
    public void ShouldReturn7ForADefectOfItsOwn()
    {
        _folder.Catalog = null!;

        var run = _folder.Run("list", "--engines");

        run.Code.Should().Be(7);
        run.Error.Should().Contain("NullReferenceException");
    }

    [Test]
    public void ShouldCompareSnapshotsAndAcceptThem()
    {
        var changed = _folder.File("changed");
        _folder.Script("snap", OneRun.Replace("\"CHANGED\"", $"@\"{changed}\"", StringComparison.Ordinal));

        var fresh = _folder.Run("run");
        fresh.Code.Should().Be(2);
        fresh.Out.Should().Contain("t/snap: new.").And.Contain("harness accept scenarios/t/snap.csx");
        _folder.Run("diff").Code.Should().Be(2);
        _folder.Run("accept", "scenarios/t/snap.csx").Code.Should().Be(0);
        File.Exists(_folder.File("snapshots/t/snap.verified.txt")).Should().BeTrue();
        _folder.Run("run").Code.Should().Be(0);
        _folder.Run("accept").Code.Should().Be(8);
        _folder.Run("diff").Code.Should().Be(0);

        _folder.Write("changed", "");
        _folder.Run("run").Out.Should().Contain("t/snap: changed.").And.Contain("\n+ ");
        _folder.Run("run", "--seed", "1").Code.Should().Be(0, "overridden options compare no snapshot");

        _folder.Write("snapshots/t/gone.verified.txt", "\uFEFFtext");
        _folder.Run("accept").Code.Should().Be(0);
        var orphaned = _folder.Run("run");
        orphaned.Code.Should().Be(2);
        orphaned.Out.Should().Contain("t/gone: orphaned.");
        _folder.Run("run", "--shard", "1/1").Code.Should().Be(0, "only a full run reports orphans");
        _folder.Run("run", "--engine", "bare").Code.Should().Be(0, "only a full run reports orphans");
    }

    [TestCase("console")]
    [TestCase("json")]
    [TestCase("junit")]
    [TestCase("tap")]
    public void ShouldPrintTheSameAtEveryDegreeOfParallelism(string format)
    {
        _folder.Script("many", """
            for (var i = 0; i < 40; i++)
            {
                var n = i;
                Scenario("many", covers: "A2", parameters: new { n }, s =>
                {
                    for (var spin = 0; spin < (40 - n) * 20_000; spin++) { }
                    (n % 7).Should().NotBe(3);
                });
            }
            """);

        var one = _folder.Run("run", "--format", format, "--parallel", "1");
        var four = _folder.Run("run", "--format", format, "--parallel", "4");

        one.Code.Should().Be(2);
        four.Should().Be(one);
    }

    [Test]
    public void ShouldSplitIntoShardsThatMakeUpTheWhole()
    {
        _folder.Script("many", "foreach (var n in new[] { 1, 2, 3, 4, 5 }) { Scenario(\"many\", covers: \"A2\", parameters: new { n }, s => s.Host.Count(1, 0)); }");

        string[] Ids(params string[] arguments) => _folder.Run(["run", "--format", "tap", .. arguments]).Out.Split('\n')
            .Where(line => line.StartsWith("ok ", StringComparison.Ordinal)).Select(line => line.Split(" - ")[1]).ToArray();

        Ids("--shard", "1/2").Concat(Ids("--shard", "2/2")).Should().BeEquivalentTo(Ids());
        Ids("--shard", "1/2").Should().HaveCount(3);
        Ids("--filter", "t/many_n=[0-9]").Should().BeEmpty();
        Ids("--filter", "*=?").Should().HaveCount(5);
    }

    [Test]
    public void ShouldColourOnlyATerminalThatWantsIt()
    {
        _folder.Script("good", "Scenario(\"good\", s => s.Host.Count(1, 0));");

        _folder.Run("run").Out.Should().NotContain("\e");
        _folder.IsTerminal = true;
        _folder.Run("run").Out.Should().Contain("\e[32mpassed");
        _folder.Variables["NO_COLOR"] = "1";
        _folder.Run("run").Out.Should().NotContain("\e");
    }

    [Test]
    public void ShouldNotLoadTheCompilerForAnUnchangedScript()
    {
        _folder.Script("probe", """
            Scenario("probe", s =>
            {
                var loaded = AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).Where(n =>
                    n.StartsWith("Microsoft.CodeAnalysis") || n.StartsWith("Spectre") || n.StartsWith("DiffPlex") || n.StartsWith("FluentAssertions")).ToList();
                if (loaded.Count > 0)
                {
                    throw new InvalidOperationException(string.Join(", ", loaded));
                }

                s.Host.Count(1, 0);
            });
            """);

        Process().Should().Contain("Microsoft.CodeAnalysis");
        Process().Should().Contain("1 passed");

        string Process()
        {
            var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "harness.dll"), "run"])
            {
                WorkingDirectory = _folder.Path,
                RedirectStandardOutput = true,
                Environment = { ["HARNESS_CACHE"] = _folder.File("cache") },
            };
            using var process = System.Diagnostics.Process.Start(start)!;
            return process.StandardOutput.ReadToEnd();
        }
    }

    /// <summary>Of a script that takes the process with it: its exit code and standard error.</summary>
    private (int Code, string Error) RunAsProcess(params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "harness.dll"), "run", "--parallel", "1", .. options])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["HARNESS_CACHE"] = _folder.File("cache"), ["DOTNET_DbgEnableMiniDump"] = "0" },
        };
        using var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
