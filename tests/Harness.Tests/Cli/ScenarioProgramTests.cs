using FluentAssertions;
using NUnit.Framework;
using static Harness.Scenarios.ScenarioApi;

namespace Harness.Tests.Cli;

/// <summary>Scenarios declared in a program or a test.</summary>
public sealed class ScenarioProgramTests
{
    [Test]
    public void Run_ShouldPrintResultsAndReturnTheExitCode()
    {
        using var output = new StringWriter { NewLine = "\n" };

        ScenarioProgram.Run(() => Scenario("good", s => s.Host.Count(1, 0)), output, "/nowhere/scenarios/t/x.cs").Should().Be(0);
        ScenarioProgram.Run(() => Scenario("bad", s => throw new InvalidOperationException("boom")), output, "/nowhere/scenarios/t/y.cs").Should().Be(2);
        ScenarioProgram.Run(() => Scenario("bad", covers: "Q9", s => s.Host.Count(1, 0)), output, "/nowhere/scenarios/t/z.cs").Should().Be(5);

        output.ToString().Should().StartWith("ok  t/x\nnot ok  t/y\n    ").And.Contain("InvalidOperationException: boom\n").And.Contain("error HS0004: covers names 'Q9'");
    }

    [Test]
    public void Check_ShouldThrowWhatIsWrong()
    {
        ScenarioProgram.Check(() => Scenario("good", s => s.Host.Count(1, 0)));

        var act = () => ScenarioProgram.Check(() => Scenario("bad", s => throw new InvalidOperationException("boom")), "/nowhere/scenarios/t/y.cs");

        act.Should().Throw<ScenarioFailedException>().WithMessage("*t/y*boom*");
    }

    [Test]
    public void Scenario_ShouldSayWhereItBelongs()
    {
        var act = () => Scenario("nowhere", s => s.Host.Count(1, 0));

        act.Should().Throw<InvalidOperationException>().WithMessage("*top level*");
    }
}
