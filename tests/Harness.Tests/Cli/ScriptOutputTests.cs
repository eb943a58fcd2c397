using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>What scripts print goes to standard error, in the order of the results: standard output is the harness's own.</summary>
public sealed class ScriptOutputTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void What_scripts_print_is_kept_off_standard_output_and_in_order()
    {
        foreach (var name in (string[])["a", "b", "c", "d"])
        {
            _folder.Script(name, $$"""
                Console.WriteLine("top of {{name}}");
                Scenario("x", s =>
                {
                    for (var i = 0; i < 3; i++)
                    {
                        Console.Write("body of ");
                        Console.WriteLine("{{name}} " + i);
                    }

                    Console.Error.WriteLine("\u001b[31merror");
                    Console.Out.Write("no end of line");
                    s.Host.Count(1, 0);
                });
                """);
        }

        var one = _folder.Process("run", "--format", "json", "--parallel", "1");
        var four = _folder.Process("run", "--format", "json", "--parallel", "4");

        one.Code.Should().Be(0, one.Error);
        one.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(4).And.OnlyContain(line => line.StartsWith("{\"schema\""));
        one.Error.Should().StartWith("t/a: top of a\nt/b: top of b\nt/c: top of c\nt/d: top of d\n"
            + "t/a: body of a 0\nt/a: body of a 1\nt/a: body of a 2\nt/a: \\u{1B}[31merror\nt/a: no end of line\nt/b: body of b 0\n");
        four.Should().Be(one);
    }

    [Test]
    public void What_a_body_prints_is_kept_off_a_trace()
    {
        _folder.Script("a", "Scenario(\"x\", s => { Console.WriteLine(\"printed\"); s.Run(Guest.Protected32(a => a.Done())); });");

        var trace = _folder.Process("trace", "t/a");

        trace.Code.Should().Be(0, trace.Error);
        trace.Out.Should().NotContain("printed");
        trace.Error.Should().Be("printed\n");
    }

    [Test]
    public void A_script_that_prints_without_end_does_not_exhaust_memory()
    {
        _folder.Script("a", "Scenario(\"x\", s => { while (true) { Console.WriteLine(new string('x', 1 << 20)); } });");

        var run = _folder.Process("run", "--timeout", "3");

        run.Code.Should().Be(2);
        run.Error.Length.Should().BeInRange(1 << 20, 2 << 20);
        run.Error.Should().EndWith("t/a: (more was printed and is left out)\n");
    }

    [TestCase("Environment.FailFast(\"x\")", "Environment.FailFast(string?)")]
    [TestCase("System.Diagnostics.Process.GetCurrentProcess().Kill()", "Process")]
    [TestCase("System.Diagnostics.Process.Start(\"true\")", "Process")]
    [TestCase("Console.SetOut(TextWriter.Null)", "Console.SetOut(TextWriter)")]
    [TestCase("Console.OpenStandardOutput()", "Console.OpenStandardOutput()")]
    [TestCase("s.Log(Console.ReadLine())", "Console.ReadLine()")]
    public void What_ends_the_process_or_takes_its_streams_is_refused(string call, string symbol)
    {
        _folder.Script("bad", $"Scenario(\"x\", s => {{ {call}; }});");

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("scenarios/t/bad.csx(2,").And.Contain($"error HS0002: '{symbol}' is banned in scripts: ");
    }

    [Test]
    public void Results_that_were_there_when_the_process_died_are_in_the_partial_file()
    {
        _folder.Script("a-deep", """
            int Deep(int n) => n + Deep(n + 1);
            Scenario("x", s =>
            {
                while (!(new FileInfo("r.jsonl.early.partial") is { Exists: true, Length: > 0 }))
                {
                }

                s.Log(Deep(1).ToString());
            });
            """);
        _folder.Script("b-good", "Scenario(\"x\", s => s.Host.Count(1, 0));");

        var run = _folder.Process("run", "--parallel", "2", "--records", "r.jsonl");

        run.Code.Should().NotBe(0);
        run.Error.Should().Contain("scenario t/a-deep of scenarios/t/a-deep.csx");
        RecordReader.Read(_folder.File("r.jsonl.early.partial")).Select(r => r.Scenario).Should().Equal("t/b-good");
        File.Exists(_folder.File("r.jsonl")).Should().BeFalse();
    }
}
