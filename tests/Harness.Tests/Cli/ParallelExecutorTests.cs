using FluentAssertions;
using Harness.Cli;
using Harness.Running;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>The executor with threads and a clock.</summary>
public sealed class ParallelExecutorTests
{
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(100)]
    public void ShouldRunEveryPieceOnce(int degree)
    {
        var runs = new int[20];

        var end = new ParallelExecutor(degree, TimeSpan.FromMinutes(1)).Execute(20, i => Interlocked.Increment(ref runs[i]), isLimited: true, default);

        end.Should().Be(new ExecutionEnd(false));
        runs.Should().OnlyContain(n => n == 1);
    }

    [Test]
    public void ShouldLimitOnlyWorkThatIsLimited()
    {
        var executor = new ParallelExecutor(1, TimeSpan.FromMilliseconds(50));
        using var release = new ManualResetEventSlim();

        executor.Execute(1, _ => release.Wait(200), isLimited: false, default).Overrun.Should().BeNull();
        executor.Execute(2, _ => release.Wait(), isLimited: true, default).Overrun.Should().Be(0);
        release.Set();
    }

    [Test]
    public void ShouldPassOnExceptionsOfTheWork()
    {
        var executor = new ParallelExecutor(2, TimeSpan.FromMinutes(1));

        var act = () => executor.Execute(5, i => throw new InvalidDataException("piece"), isLimited: true, default);

        act.Should().Throw<InvalidDataException>().WithMessage("piece");
    }

    [Test]
    public void ShouldStartNothingOnceCancelled()
    {
        var started = 0;

        var end = new ParallelExecutor(2, TimeSpan.FromMinutes(1)).Execute(5, _ => started++, isLimited: true, new CancellationToken(canceled: true));

        end.Cancelled.Should().BeTrue();
        started.Should().Be(0);
    }
}
