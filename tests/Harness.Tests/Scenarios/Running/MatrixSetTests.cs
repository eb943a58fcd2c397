using FluentAssertions;
using Harness.Engines.Trap;
using Harness.Scenarios;
using Harness.Vmm.Classification;
using NUnit.Framework;

namespace Harness.Tests.Scenarios.Running;

/// <summary>The matrix as a scenario's body sees it.</summary>
public sealed class MatrixSetTests
{
    [Test]
    public void ShouldHandOutCellsAndKeepRows()
    {
        var host = new FakeHost(TrapEngine.Trap013);

        host.Run(s =>
        {
            MatrixSet matrix = s.Matrix("flag-control", cpu: "pentium");
            matrix["popfd", "trap013"].Wrong!.Value.Should().Be("eflags.IF");
            matrix["cli", "trap013"].Outcome.Should().Be(CellOutcome.Event);
            FluentActions.Invoking(() => matrix["popfd", "bare"]).Should().Throw<EngineNotRunException>();
            FluentActions.Invoking(() => matrix["popq", "trap013"]).Should().Throw<ArgumentException>().WithMessage("There is no row 'popq'; there are pushf, *");
            FluentActions.Invoking(() => matrix["popfd", "kvm"]).Should().Throw<ArgumentException>().WithMessage("There is no engine 'kvm'; *");
        });

        host.Matrix.Select(r => r.Form).Should().Contain(["pushfd", "popfd", "cli", "sti"]);
    }

    [Test]
    public void ShouldKeepNoRowsOfANarrowedRun()
    {
        var host = new FakeHost(TrapEngine.Trap013) { Options = new RunOptions { Engines = ["trap013"] } };

        host.Run(s => s.Matrix("decimal-arithmetic").Rows.Should().ContainSingle());

        host.Matrix.Should().BeEmpty();
    }

    [Test]
    public void ShouldRefuseAGroupThatThereIsNot() =>
        FluentActions.Invoking(() => new FakeHost().Run(s => s.Matrix("quantum"))).Should().Throw<ArgumentException>().WithMessage("There is no group 'quantum'; there are data-transfer, *");
}
