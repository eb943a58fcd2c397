using FluentAssertions;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Tests.Consolidation.HostedGuests;

namespace Harness.Tests.Consolidation;

public sealed class PolicyTests
{
    [TestCase(100, 50, 1.0, 0.75, 2.0)]
    [TestCase(100, 50, 0.0, 0.75, 0.5)]
    [TestCase(100, 50, 0.5, 0.75, 0.8)]
    [TestCase(100, 50, 0.0, 0.0, 2.0)]
    public void The_ratio_of_shares_to_pages_is_adjusted_by_what_is_idle(int shares, int pages, double active, double rate, double ratio) =>
        IdleMemoryTax.Ratio(shares, pages, active, rate).Should().BeApproximately(ratio, 1e-9);

    [Test]
    public void Without_tax_memory_follows_shares()
    {
        MemoryClaim[] claims = [new(1_000, 0, 1_000, 1), new(3_000, 0, 1_000, 0.1)];

        IdleMemoryTax.Targets(claims, 800, 0).Should().Equal(200, 600);
    }

    [Test]
    public void With_a_tax_of_75_percent_an_idle_page_costs_four_times_as_much()
    {
        MemoryClaim[] claims = [new(1_000, 0, 1_000, 1), new(1_000, 0, 1_000, 0)];

        IdleMemoryTax.Targets(claims, 1_000, IdleMemoryTax.DefaultRate).Should().Equal(800, 200);
    }

    [Test]
    public void A_minimum_is_kept_and_a_maximum_not_exceeded()
    {
        IdleMemoryTax.Targets([new(1, 300, 400, 0), new(1_000, 0, 400, 1)], 500, 0.75).Should().Equal(300, 200);
        IdleMemoryTax.Targets([new(1, 0, 100, 0), new(1, 0, 100, 1)], 500, 0.75).Should().Equal(100, 100);
        IdleMemoryTax.Targets([new(1, 60, 100, 0), new(1, 60, 100, 1)], 50, 0.75).Should().Equal(60, 60);
    }

    [TestCase(ReclamationState.High, 1_000, ReclamationState.High)]
    [TestCase(ReclamationState.High, 40, ReclamationState.High)]
    [TestCase(ReclamationState.High, 39, ReclamationState.Soft)]
    [TestCase(ReclamationState.High, 19, ReclamationState.Hard)]
    [TestCase(ReclamationState.High, 9, ReclamationState.Low)]
    [TestCase(ReclamationState.Soft, 59, ReclamationState.Soft)]
    [TestCase(ReclamationState.Soft, 60, ReclamationState.High)]
    [TestCase(ReclamationState.Low, 19, ReclamationState.Low)]
    [TestCase(ReclamationState.Low, 20, ReclamationState.Hard)]
    [TestCase(ReclamationState.Low, 39, ReclamationState.Hard)]
    [TestCase(ReclamationState.Low, 40, ReclamationState.Soft)]
    [TestCase(ReclamationState.Low, 60, ReclamationState.High)]
    public void A_state_is_left_later_than_it_is_entered(ReclamationState before, int freeOf1000, ReclamationState after) =>
        Reclamation.Next(before, freeOf1000, 1_000).Should().Be(after);

    [Test]
    public void A_busy_machine_is_believed_soon_and_an_idle_one_late()
    {
        var estimate = new ActivityEstimate();
        estimate.Active.Should().Be(1);
        for (int i = 0; i < 40; i++)
        {
            estimate.Add(0, 100);
        }

        estimate.Active.Should().BeLessThan(0.01);
        estimate.With(90, 100).Should().BeGreaterThan(0.4);
        estimate.Add(90, 100);
        double rising = estimate.Active;
        rising.Should().BeGreaterThan(0.4);
        estimate.Add(0, 100);
        estimate.Active.Should().BeGreaterThan(rising / 3);
        estimate.With(0, 0).Should().Be(estimate.Active);
    }

    [Test]
    public void Time_follows_shares()
    {
        long[] used = Use([Hosted(3_000), Hosted(1_000)], 4_000);

        used.Should().Equal(3_000, 1_000);
    }

    [Test]
    public void A_minimum_comes_before_shares()
    {
        long[] used = Use([Hosted(1_000_000), Hosted(1, minimum: 25)], 4_000);

        used[1].Should().BeInRange(1_000, 1_020);
    }

    [Test]
    public void A_maximum_holds_as_long_as_somebody_else_wants_the_time()
    {
        Use([Hosted(1_000_000, maximum: 40), Hosted(1)], 4_000)[0].Should().BeInRange(1_600, 1_620);
        Use([Hosted(1, maximum: 40)], 4_000).Should().Equal(4_000);
    }

    [Test]
    public void A_host_takes_on_what_it_can_keep()
    {
        HostedMachine machine = On(Writer("a", 1, 1), "interpret") with { MinimumBytes = 512 << 10 };
        HostOptions host = Host(2, 256) with { SwapBytes = 1 << 20 };

        Admission.Refuses(host, [machine, machine]).Should().BeNull();
        Admission.Refuses(host with { MemoryBytes = host.MemoryBytes - 4096 }, [machine, machine]).Should().Contain("need 8704 KiB of memory; 8700 KiB");
        Admission.Refuses(host with { SwapBytes = (1 << 20) - 4096 }, [machine, machine]).Should().Contain("512 KiB; 508 KiB of swap space");
        Admission.Refuses(host, [machine with { MinimumBytes = 2 << 20 }]).Should().Contain("a minimum from 0");
        HostedMachine any = machine with { MinimumBytes = 0 };
        Admission.Refuses(host with { MemoryBytes = 2 * Admission.Overhead + 4096, SwapBytes = 4 << 20 }, [any, any]).Should().Contain("a page for the guest of each machine");
        Admission.Refuses(host with { MemoryBytes = 2 * Admission.Overhead + 8192, SwapBytes = 4 << 20 }, [any, any]).Should().BeNull();
        Admission.Refuses(host, [machine with { MinimumPercent = 60 }, machine with { MinimumPercent = 41 }]).Should().Contain("add up to 101 %");
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        HostOptions host = Host(1, 256);
        yield return new TestCaseData(host with { MemoryBytes = -4096 }, "memory from 0");
        yield return new TestCaseData(host with { MemoryBytes = host.MemoryBytes + 1 }, "multiple of 4 KiB");
        yield return new TestCaseData(host with { Quantum = 0 }, "quantum from 1");
        yield return new TestCaseData(host with { Period = -7 }, "period from 1");
        yield return new TestCaseData(host with { SamplesPerPeriod = -1 }, "samples in a period");
        yield return new TestCaseData(host with { PagesPerScan = -1 }, "pages to hash");
        yield return new TestCaseData(host with { IdleTax = 1 }, "idle-memory tax");
        yield return new TestCaseData(host with { IdleTax = double.NaN }, "idle-memory tax");
        yield return new TestCaseData(host with { PagesPerSwap = 0 }, "pages to write to swap space");
        yield return new TestCaseData(host with { SwapBytes = -1 }, "swap space from 0");
    }

    [TestCaseSource(nameof(Mistakes))]
    public void A_host_says_what_is_out_of_its_range(HostOptions host, string message)
    {
        HostedMachine machine = On(Writer("a", 1, 1), "interpret");

        FluentActions.Invoking(() => Admission.Refuses(host, [machine])).Should().Throw<ArgumentException>().WithMessage($"*{message}*");
        FluentActions.Invoking(() => new ConsolidatedHost(host, [machine])).Should().Throw<ArgumentException>().WithMessage($"*{message}*");
    }

    private static HostedMachine Hosted(int shares, int minimum = 0, int maximum = 100) =>
        On(Writer("a", 1, 1), "interpret") with { Shares = shares, MinimumPercent = minimum, MaximumPercent = maximum };

    /// <summary>Machines that always want to run, in slices of 10 ticks and windows of 1000.</summary>
    private static long[] Use(HostedMachine[] machines, long ticks)
    {
        var scheduler = new StrideScheduler(machines, 1_000);
        var used = new long[machines.Length];
        for (long time = 0; time < ticks; time += 10)
        {
            int next = scheduler.Next(_ => true);
            scheduler.Charge(next, 10);
            used[next] += 10;
        }

        return used;
    }
}
