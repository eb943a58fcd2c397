using FluentAssertions;
using Harness.NativeOracle;
using Harness.NativeOracle.Native;
using NUnit.Framework;

namespace Harness.Tests.NativeOracle;

[TestFixture]
public sealed class MachineAgainstProcessorTests
{
    [Test]
    public void The_machine_gives_the_recorded_answers()
    {
        RecordedAnswers recorded = RecordedAnswers.Read(Path.Combine(AppContext.BaseDirectory, "fixtures", "ring3.txt"));
        using var machine = new MachineRunner("yonah");
        CampaignSummary summary = Campaign.Run(recorded, machine);
        summary.MismatchCount.Should().Be(0, summary.ToString());
    }

    [Test]
    public void The_machine_agrees_with_this_processor()
    {
        if (!NativeProcessor.TryOpen(out NativeProcessor? processor, out string reason))
        {
            Assert.Ignore(reason);
        }

        using (processor)
        using (var machine = new MachineRunner("yonah"))
        {
            CampaignSummary summary = Campaign.Run(processor, machine, 20_000, 4);
            summary.MismatchCount.Should().Be(0, summary.ToString());
        }
    }
}
