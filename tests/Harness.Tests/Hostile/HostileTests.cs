using FluentAssertions;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Hostile;

[Parallelizable(ParallelScope.Children)]
public sealed class HostileTests
{
    private const int Least = 150;

    [TestCase("bare", "")]
    [TestCase("interpret", "")]
    [TestCase("trap013", "")]
    [TestCase("trap013", "paging=cached")]
    [TestCase("trap033", "shadows=two")]
    [TestCase("hybrid", "")]
    [TestCase("translate", "")]
    [TestCase("paravirt", "")]
    [TestCase("vtx", "")]
    [TestCase("vtx", "paging=cached")]
    [TestCase("trap013", "ring=dedicated")]
    [TestCase("trap033", "shadows=two,ring=dedicated")]
    [TestCase("translate", "ring=dedicated")]
    [TestCase("paravirt", "ring=dedicated")]
    [TestCase("vtx", "ring=dedicated")]
    public void No_attempt_changes_what_is_not_the_attackers(string engine, string option) => NoneEscapes(engine, option, 1 << 20);

    /// <summary>Of the two large pages of its 3 MiB one has a hole for devices in it, and in the other the RAM ends.</summary>
    [TestCase("trap013")]
    [TestCase("hybrid")]
    [TestCase("translate")]
    [TestCase("vtx")]
    public void No_attempt_does_so_with_large_entries(string engine) => NoneEscapes(engine, "largePages=on", 3 << 20);

    private static void NoneEscapes(string engine, string option, long guestBytes)
    {
        var host = new HostileHost(EngineRegistry.Find(engine)!, option, guestBytes: guestBytes);
        List<string> escapes = [];
        int attempts = 0;
        foreach (HostileAttempt attempt in HostileAttempts.All)
        {
            HostileResult result = host.Run(attempt);
            attempts += result.Ran ? 1 : 0;
            if (result.Escape is { } escape)
            {
                escapes.Add($"{attempt}: {escape}");
            }
        }

        TestContext.Out.WriteLine($"{engine} {option}: {attempts} of {HostileAttempts.All.Count} attempts, {escapes.Count} escapes");
        escapes.Should().BeEmpty();
        attempts.Should().BeGreaterThanOrEqualTo(Least);
    }

    [Test]
    public void Where_kernel_and_users_share_a_shadow_a_program_reaches_its_kernel_and_nobody_else()
    {
        var host = new HostileHost(EngineRegistry.Find("trap033")!);

        IEnumerable<string> escapes = HostileAttempts.All.Select(a => host.Run(a).Escape).OfType<string>();

        escapes.Should().NotBeEmpty().And.OnlyContain(escape => escape.StartsWith("the kernel's page", StringComparison.Ordinal));
    }

    [TestCase(Protection.LimitClip, "trap013", "", "store", "the monitor's memory")]
    [TestCase(Protection.LimitClip, "translate", "", "store", "the monitor's memory")]
    [TestCase(Protection.LimitClip, "paravirt", "", "descriptor", "the monitor's memory")]
    [TestCase(Protection.Descriptors, "paravirt", "", "descriptor", "the monitor's memory")]
    [TestCase(Protection.PageTables, "paravirt", "", "page tables", "the neighbour's memory")]
    [TestCase(Protection.PageTables, "paravirt", "", "device and tables", "the neighbour's memory")]
    [TestCase(Protection.Trace, "trap013", "paging=cached", "page tables", "the kernel's page")]
    [TestCase(Protection.Trace, "vtx", "paging=cached", "page tables", "the kernel's page")]
    [TestCase(Protection.DeviceMemory, "interpret", "", "device", "the neighbour's memory")]
    [TestCase(Protection.DeviceMemory, "trap013", "", "device", "the monitor's memory")]
    [TestCase(Protection.DeviceMemory, "trap013", "ring=dedicated", "device", "the monitor's memory")]
    [TestCase(Protection.DeviceMemory, "paravirt", "", "device", "the neighbour's memory")]
    [TestCase(Protection.DeviceMemory, "vtx", "", "device", "the neighbour's memory")]
    [TestCase(Protection.DeviceMemory, "vtx", "ring=dedicated", "device", "the monitor's memory")]
    public void Without_a_protection_some_attempt_succeeds(Protection omitted, string engine, string option, string group, string reached) =>
        SomeEscape(new HostileHost(EngineRegistry.Find(engine)!, option, omitted), group, reached, [0, 3]);

    /// <summary>From each ring: what a guest stores in ring 0 of non-root operation is its own doing, and not the monitor's.</summary>
    [TestCase("trap013", 0)]
    [TestCase("trap013", 3)]
    [TestCase("hybrid", 3)]
    [TestCase("translate", 0)]
    [TestCase("vtx", 0)]
    [TestCase("vtx", 3)]
    public void Without_the_check_of_large_entries_some_attempt_succeeds(string engine, int ring) =>
        SomeEscape(new HostileHost(EngineRegistry.Find(engine)!, "largePages=on", Protection.LargeEntries, 3 << 20), "page tables", "the neighbour's memory", [ring]);

    private static void SomeEscape(HostileHost host, string group, string reached, int[] rings)
    {
        IEnumerable<string?> escapes = HostileAttempts.All.Where(a => a.Group == group && rings.Contains(a.Ring)).Select(a => host.Run(a).Escape);

        escapes.Should().Contain(escape => escape != null && escape.Contains(reached, StringComparison.Ordinal));
    }
}
