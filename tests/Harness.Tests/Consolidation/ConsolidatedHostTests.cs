using FluentAssertions;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Tests.Consolidation.HostedGuests;

namespace Harness.Tests.Consolidation;

public sealed class ConsolidatedHostTests
{
    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void Each_machine_fares_as_alone_on_the_bare_machine(string engine)
    {
        HostRun run = Run(Host(2, 512), On(Writer("a", 1, 400), engine), On(Writer("b", 7, 300), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Should().OnlyContain(m => m.Use.WorldSwitches > 1 && m.Use.FirstTouches > 16);
        run.Machines.Sum(m => m.Use.Merged).Should().BePositive();
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void Where_memory_is_short_pages_are_swapped_and_nobody_notices(string engine)
    {
        HostRun run = Run(Host(2, 60) with { SharesPages = false }, On(Writer("a", 1, 400, 32), engine), On(Writer("b", 7, 300, 32), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Sum(m => m.Use.SwappedOut).Should().BePositive();
        run.Machines.Sum(m => m.Use.SwappedIn).Should().BePositive();
        TestContext.Out.WriteLine(string.Join("\n", run.Machines.Select(m => m.Use)) + "\n" + string.Join(" ", run.States));
    }
}
