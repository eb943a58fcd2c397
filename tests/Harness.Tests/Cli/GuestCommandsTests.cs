using System.Globalization;
using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>new</c> then <c>run</c>, <c>trace</c> and <c>diverge</c> on a real guest.</summary>
public sealed class GuestCommandsTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new CliFolder();
        File.Delete(_folder.File("scenarios/prelude.csx"));
        _folder.Run("new", "t/x").Code.Should().Be(0);
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void A_new_scenario_runs_and_is_accepted()
    {
        var first = _folder.Run("run", "--engine", "interpret");
        first.Code.Should().Be(2);
        first.Out.Should().MatchRegex(@"passed +t/x +2  new").And.EndWith("harness accept scenarios/t/x.csx\n");

        _folder.Run("accept", "scenarios/t/x.csx").Should().Be((0, "accepted  t/x\n", ""));
        var second = _folder.Run("run", "--engine", "interpret");
        second.Code.Should().Be(0);
        second.Out.Should().Contain("1 equal");
    }

    [Test]
    public void A_failure_says_where_and_how_to_repeat_it()
    {
        var script = _folder.File("scenarios/t/x.csx");
        File.WriteAllText(script, File.ReadAllText(script).Replace("run.Bare.Eax.Should().HaveFlag(Flags.IF)", "run.Bare.Eax.Should().HaveFlag(Flags.CF)"));

        var run = _folder.Run("run", "--seed", "3");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("scenarios/t/x.csx(13): Expected").And.Contain("to have CF, but found 00000202h.")
            .And.Contain("Again: harness run scenarios/t/x.csx --filter t/x --seed 3");
    }

    [Test]
    public void A_failing_plain_assertion_says_what_was_read_and_of_which_run()
    {
        var script = _folder.File("scenarios/t/x.csx");
        File.WriteAllText(script, File.ReadAllText(script).Replace("run.Bare.Eax.Should().HaveFlag(Flags.IF)", "run.Bare.Eax.Should().Be(5)"));

        _folder.Run("run", "--engine", "bare").Out.Should().Contain("found 514u").And.Contain("Last read: eax = 00000202h of bare on yonah");
    }

    [Test]
    public void Trace_and_disassembly_spell_alike_and_ticks_ascend()
    {
        var trace = _folder.Run("trace", "t/x", "--engine", "trap013").Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        trace.Select(line => long.Parse(line.AsSpan(0, 10), CultureInfo.InvariantCulture)).Should().BeInAscendingOrder();
        trace.Should().Contain(line => line.Contains(" popfd ")).And.Contain(line => line.Contains(" Trap "));
        _folder.Run("diverge", "t/x", "--engines", "bare,trap013").Out.Should().Contain("(popfd)").And.Contain("first harmful execution under trap013: popfd at ").And.NotContain("under bare");
    }

    [Test]
    public void A_failing_run_leaves_no_received_text_of_an_earlier_one()
    {
        _folder.Run("run", "--engine", "interpret").Code.Should().Be(2);
        File.Exists(_folder.File("snapshots/t/x.received.txt")).Should().BeTrue();
        var script = _folder.File("scenarios/t/x.csx");
        File.WriteAllText(script, File.ReadAllText(script).Replace("run.Bare.Eax.Should().HaveFlag(Flags.IF)", "run.Bare.Eax.Should().HaveFlag(Flags.CF)"));

        _folder.Run("run", "--engine", "interpret").Code.Should().Be(2);

        File.Exists(_folder.File("snapshots/t/x.received.txt")).Should().BeFalse();
    }

    [Test]
    public void A_fault_that_the_guest_does_not_handle_fails_the_scenario()
    {
        File.WriteAllText(
            _folder.File("scenarios/t/y.csx"),
            """
            #load "../prelude.csx"

            Scenario("dies", covers: "B2", s => s.Run(Guest.Protected32(a => { a.ud2(); a.Done(); })));
            """);

        var run = _folder.Run("run", "scenarios/t/y.csx");

        run.Code.Should().Be(2);
        run.Out.Should().Contain("expected to end by Done, found an unhandled #UD");
    }

    [Test]
    public void Trace_shows_instructions_and_a_range()
    {
        var trace = _folder.Run("trace", "t/x", "--engine", "interpret");
        trace.Code.Should().Be(0);
        trace.Out.Split('\n').Should().HaveCount(6).And.Contain(line => line.Contains("<popf>") && line.Contains("eflags.IF=1"));

        _folder.Run("trace", "scenarios/t/x.csx", "--from", "2", "--to", "3").Out.Split('\n').Should().HaveCount(3);
        _folder.Run("trace", "t/x", "--from", "3", "--to", "2").Code.Should().Be(5);
        _folder.Run("trace", "t/x", "--around", "#GP").Code.Should().Be(8);
        _folder.Run("trace", "t/x", "--run", "2").Code.Should().Be(8);
        _folder.Run("trace", "t/none").Code.Should().Be(5);
        _folder.Run("trace", "t/x", "--engine", "none").Code.Should().Be(5);
        Directory.Exists(_folder.File("snapshots")).Should().BeFalse("a trace compares nothing");
    }

    [Test]
    public void Diverge_finds_no_difference_under_interpretation()
    {
        _folder.Run("diverge", "t/x", "--engines", "bare,interpret").Should().Be((0, "run 1, bare and interpret: the same to the end\n", ""));
        _folder.Run("diverge", "t/x", "--engines", "bare").Code.Should().Be(5);
        _folder.Run("diverge", "t/x").Code.Should().Be(5);
    }
}
