using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Tests.Consolidation.HostedGuests;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Consolidation;

/// <summary>Large entries of the shadow on a host that moves frames.</summary>
internal sealed class LargePageHostTests
{
    private const uint Large = 0x400000;
    private const uint Padding = 0x800000;
    private const uint Other = 0xB00000;
    private const uint Tables = 0x30000;
    private const uint Pages = 512;

    /// <summary>
    /// Takes the frames for a large page one after the other, has it mapped as a whole, and writes to it again and again, so that pages in it become equal and differ.
    /// </summary>
    /// <param name="padding">Pages whose frames are taken before.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="gap">Another page takes a frame in between.</param>
    private static GuestImage Writer(uint padding, int rounds, bool gap) => Guest.Kernel(new GuestOptions { MemoryBytes = 12 << 20 }, k =>
    {
        var tables = new PageTables(GuestPaging.Pae, Tables);
        tables.Map(0, 0, 0x100000, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
        tables.MapLarge(Large, Large, 8 << 20, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
        k.SystemCall(1, a =>
        {
            a.and(__dword_ptr[tables.DirectoryEntryAddress(Large)], ~(uint)(PageEntry.A | PageEntry.D));
            a.mov(eax, cr3);
            a.mov(cr3, eax);
        });
        k.Boot(a =>
        {
            a.mov(eax, cr4);
            a.or(eax, Cr4.PAE);
            a.mov(cr4, eax);
            a.mov(eax, tables.Directory);
            a.mov(cr3, eax);
            a.mov(eax, cr0);
            a.or(eax, Cr0.PG);
            a.mov(cr0, eax);
        });
        k.User(a =>
        {
            void Walk(uint from, uint pages, Action body)
            {
                a.mov(esi, from);
                a.mov(ecx, pages);
                GuestLabel next = a.Here("next");
                body();
                a.add(esi, 0x1000);
                a.dec(ecx);
                a.jne(next);
            }

            if (padding > 0)
            {
                Walk(Padding, padding, () => a.mov(__[esi], esi));
            }

            if (rounds > 0)
            {
                Walk(Large, Pages / 2, () => a.mov(__[esi], esi));
                if (gap)
                {
                    a.mov(__dword_ptr[Other], 1);
                }

                Walk(Large + Pages / 2 * 0x1000, Pages / 2, () => a.mov(__[esi], esi));
                a.mov(eax, 1);
                a.@int(GuestKernel.SystemCallVector);
                a.mov(ebp, rounds);
                GuestLabel round = a.Here("round");
                Walk(Large, Pages, () => a.xor(__[esi], esi));
                a.mov(edi, 8);
                GuestLabel again = a.Here("again");
                Walk(Large, Pages, () => a.add(ebx, __[esi]));
                a.dec(edi);
                a.jne(again);
                a.dec(ebp);
                a.jne(round);
            }

            a.Done();
            tables.Emit(a);
        });
    });

    private static (HostRun Run, long Faults) Run(string engine, string large, uint padding, int rounds, bool gap = false)
    {
        HostedMachine machine = On(Writer(padding, rounds, gap), engine);
        HostRun run = HostedGuests.Run(
            Host(1, 2_000) with { Period = 6_000, PagesPerScan = 4_000, SamplesPerPeriod = 0 },
            machine with
            {
                Request = machine.Request with { KeepEvents = true, Options = new Dictionary<string, string> { ["largePages"] = large, ["paging"] = "cached" } },
            });
        long faults = run.Machines[0].Run.Ledger.All.Count(e => e is { Kind: EngineEventKind.HiddenFault, Reason: "shadow-miss", Instruction: "xor" });
        return (run, faults);
    }

    [TestCase("trap013")]
    [TestCase("trap033")]
    [TestCase("hybrid")]
    [TestCase("translate")]
    [TestCase("vtx")]
    public void Frames_that_the_host_takes_are_split_off(string engine)
    {
        uint padding = PaddingFor(engine);
        (HostRun small, long smallFaults) = Run(engine, "off", padding, 4);
        (HostRun run, long faults) = Run(engine, "on", padding, 4);

        Differences(run).Should().BeEmpty();
        Differences(small).Should().BeEmpty();
        run.Machines[0].Use.Broken.Should().BePositive();
        faults.Should().BeLessThan(smallFaults - 300);
    }
    /// <summary>All pages are there, but their frames do not lie together, or not at a multiple of 2 MiB.</summary>
    [Test]
    public void Frames_that_lie_elsewhere_have_small_entries([Values("trap013", "vtx")] string engine, [Values] bool gap)
    {
        (HostRun run, long faults) = Run(engine, "on", PaddingFor(engine) + (gap ? 0u : 1), 1, gap);

        Differences(run).Should().BeEmpty();
        faults.Should().BeGreaterThan(Pages - 10);
    }

    [Test]
    public void No_page_is_fetched_for_a_large_entry([Values("trap013", "vtx")] string engine) =>
        Run(engine, "on", 10, 0).Run.Machines[0].Use.Present.Should().Be(Run(engine, "off", 10, 0).Run.Machines[0].Use.Present);

    /// <summary>So many pages are there when the large page's turn comes; with the padding its frames lie at a multiple of 2 MiB.</summary>
    private static uint PaddingFor(string engine) => Pages - (uint)Run(engine, "off", 0, 0).Run.Machines[0].Use.Present % Pages;
}
