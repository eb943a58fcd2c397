using FluentAssertions;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Tests.Consolidation.HostedGuests;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Consolidation;

public sealed class ConsolidatedHostTests
{
    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void Each_machine_fares_as_alone_on_the_bare_machine(string engine)
    {
        HostRun run = Run(Host(2, 512), On(Writer("a", 1, 200), engine), On(Writer("b", 7, 150), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Should().OnlyContain(m => m.Use.WorldSwitches > 1 && m.Use.FirstTouches > 16);
        run.Machines.Sum(m => m.Use.Merged).Should().BePositive();
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void Where_memory_is_short_pages_are_swapped_and_nobody_notices(string engine)
    {
        HostRun run = Run(Host(2, 60) with { SharesPages = false }, On(Writer("a", 1, 100, 32), engine), On(Writer("b", 7, 80, 32), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Should().OnlyContain(m => m.Use.SwappedOut > 0 && m.Use.SwappedIn > 0);
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void So_it_is_when_nobody_watches_the_steps(string engine)
    {
        // Without a recorder the processor goes by its own fast path.
        HostedMachine[] machines = [.. new[] { On(Writer("a", 0, 300, 30), engine), On(Writer("b", 7, 300, 30), engine), On(Rewriter("c", 5), engine) }
            .Select(m => m with { Request = m.Request with { RecordEffects = false } })];

        HostRun run = Run(Host(3, 70) with { Period = 2_000 }, machines);

        run.Machines.Select(m => m.Run.Digest).Should().Equal(run.Machines.Select(m => GuestRunner.Run(m.Reference(EngineRegistry.Find("bare")!)).Digest));
        run.Machines.Sum(m => m.Use.Broken).Should().BePositive();
        run.Machines.Sum(m => m.Use.SwappedIn).Should().BePositive();
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void What_shares_a_frame_with_code_is_not_run_stale(string engine)
    {
        // Both machines start with the same pages of code; then each changes its own.
        HostRun run = Run(Host(2, 512) with { Period = 2_000 }, On(Rewriter("a", 3), engine), On(Rewriter("b", 4), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Sum(m => m.Use.Broken).Should().BePositive();
        run.Machines.Select(m => m.Run.Final.Ebx).Should().Equal(3 * 50 + 2_000, 4 * 50 + 2_000);
    }

    [TestCase("trap013")]
    [TestCase("trap033")]
    [TestCase("hybrid")]
    [TestCase("translate")]
    [TestCase("vtx")]
    public void Shadows_of_many_address_spaces_follow_frames_that_move(string engine)
    {
        HostedMachine[] machines = [.. new[] { "a", "b" }.Select(name =>
        {
            HostedMachine machine = On(Switcher(name), engine);
            return machine with { Request = machine.Request with { Options = new Dictionary<string, string> { ["paging"] = "cached" } } };
        })];

        HostRun run = Run(Host(2, 60) with { Period = 1_000, PagesPerSwap = 2 }, machines);

        Differences(run).Should().BeEmpty();
        run.Machines.Sum(m => m.Use.SwappedIn).Should().BePositive();
        run.Machines.Sum(m => m.Use.Broken).Should().BePositive();
    }

    [TestCase("trap013", "cached")]
    [TestCase("trap013", "virtual-tlb")]
    [TestCase("trap033", "cached")]
    [TestCase("hybrid", "cached")]
    [TestCase("translate", "cached")]
    [TestCase("vtx", "cached")]
    [TestCase("vtx", "virtual-tlb")]
    public void Page_tables_that_have_moved_are_still_followed(string engine, string paging)
    {
        HostedMachine[] machines = [.. new[] { "a", "b" }.Select(name =>
        {
            HostedMachine machine = On(Remapper(name), engine);
            return machine with { Request = machine.Request with { Options = new Dictionary<string, string> { ["paging"] = paging } } };
        })];

        HostRun run = Run(Host(2, 44) with { Period = 1_000, PagesPerSwap = 2, Quantum = 300 }, machines);

        Differences(run).Should().BeEmpty();
        run.Machines.Should().OnlyContain(m => m.Use.SwappedIn > 0 && m.Run.Final.Edx == 300 * (0x11u + 0x22));
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void Descriptor_tables_that_have_moved_are_still_followed(string engine)
    {
        HostRun run = Run(Host(2, 40) with { Period = 1_000, PagesPerSwap = 2, Quantum = 300 }, On(Redescriber("a"), engine), On(Redescriber("b"), engine));

        Differences(run).Should().BeEmpty();
        run.Machines.Should().OnlyContain(m => m.Use.SwappedIn > 0 && m.Run.Final.Edx == 300 * (0x11u + 0x22));
    }

    [TestCaseSource(typeof(HostedGuests), nameof(Engines))]
    public void A_balloon_driver_gives_pages_and_takes_them_back(string engine)
    {
        HostRun run = Run(
            Host(2, 110) with { SharesPages = false },
            On(Lender("lender"), engine, balloon: true), On(Writer("writer", 7, 100, 60), engine));

        Differences(run).Should().BeEmpty();
        HostedRun lender = run.Machines[0];
        lender.BalloonTargets.Should().NotBeEmpty();
        (lender.Use.MostBallooned > 0, lender.Use.Ballooned).Should().Be((true, 0));
    }

    [Test]
    public void A_time_slice_ends_when_the_frames_are_used_up([ValueSource(typeof(HostedGuests), nameof(Engines))] string engine, [Values(1, 200)] int pagesPerSwap)
    {
        // Far more pages than there are frames, reserve included, in what would be one slice.
        HostRun run = Run(Host(1, 30) with { Quantum = 100_000, PagesPerSwap = pagesPerSwap }, On(Spender("a"), engine));

        Differences(run).Should().BeEmpty();
        run.Machines[0].Use.Slices.Should().BeGreaterThan(3);
        run.Machines[0].Use.SwappedOut.Should().BeGreaterThan(150);
    }

    [Test]
    public void The_same_host_gives_the_same_results()
    {
        string[] digests = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            HostRun run = Run(Host(2, 60), On(Writer("a", 1, 60, 32), "trap013"), On(Writer("b", 7, 50, 32), "vtx"));
            return string.Join('\n', run.Machines.Select(m => $"{m.Run.Digest} {m.Use}")) + string.Join(' ', run.States);
        })];

        digests[0].Should().Be(digests[1]);
    }

    [Test]
    public void A_machine_that_differs_from_the_bare_machine_is_found_out_at_the_step()
    {
        HostedMachine machine = On(Writer("a", 1, 20), "interpret");
        machine = machine with { Request = machine.Request with { Engine = new Vmm.LyingEngine(300, c => c.Emulator.Gpr(5) ^= 1) } };

        HostRun run = Run(Host(2, 512), machine, On(Writer("b", 7, 20), "interpret"));

        EquivalenceVerdict verdict = Equivalence.Compare(GuestRunner.Run(run.Machines[0].Reference(EngineRegistry.Find("bare")!)), run.Machines[0].Run);
        verdict.Holds.Should().BeFalse();
        verdict.FirstDivergence!.Value.Should().Be("ebp");
        verdict.FirstDivergence.Tick.Should().Be(301);
    }

    [Test]
    public void Engines_that_keep_frames_of_their_guest_do_not_apply()
    {
        ConsolidatedHost.NotApplicable(Host(1, 300), [On(Writer("a", 1, 1), "paravirt")]).Should().Contain("direct paging");
        ConsolidatedHost.NotApplicable(Host(1, 300), [On(Writer("a", 1, 1), "bare")]).Should().NotBeNull();
        ConsolidatedHost.NotApplicable(Host(1, 300), [On(Writer("a", 1, 1), "vtx")]).Should().BeNull();
    }

    [Test]
    public void A_machine_that_is_not_done_in_time_ends_by_its_limit()
    {
        using var host = new ConsolidatedHost(Host(1, 300), [On(Writer("a", 1, 1_000), "interpret")]);

        HostRun run = host.Run(5_500);

        (run.Ticks, run.Machines[0].Run.Ticks, run.Machines[0].Run.End).Should().Be((5_500, 5_500, GuestEnd.Limit));
    }

    /// <summary>Calls a routine, rewrites the constant in it, and calls it again.</summary>
    private static GuestImage Rewriter(string name, uint constant) => Guest.Protected32(new GuestOptions { Name = name }, a =>
    {
        GuestLabel routine = a.CreateLabel("routine");
        GuestLabel first = a.CreateLabel("first");
        GuestLabel second = a.CreateLabel("second");
        a.xor(ebx, ebx);
        a.mov(ecx, 2_000);
        a.Label(first);
        a.call(routine);
        a.dec(ecx);
        a.jne(first);
        a.mov(__dword_ptr[routine + 2], constant);
        a.mov(ecx, 50);
        a.Label(second);
        a.call(routine);
        a.dec(ecx);
        a.jne(second);
        a.Done();
        a.Align(4096);
        a.Label(routine);
        a.Db(0x81, 0xC3, 1, 0, 0, 0, 0xC3);
    });

    private static GuestImage Switcher(string name) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        k.Paging = GuestPaging.Pae;
        for (int program = 0; program < 4; program++)
        {
            k.User(a =>
            {
                GuestLabel again = a.CreateLabel("again");
                a.mov(ecx, 40);
                a.Label(again);
                for (uint page = 1; page < 12; page++)
                {
                    a.inc(__dword_ptr[GuestLayout.ProcessBase + page * 0x1000]);
                }

                k.Yield(a);
                a.dec(ecx);
                a.jne(again);
            });
        }
    });

    /// <summary>A kernel that maps a page to one frame and to another in turn, and adds up what it reads there.</summary>
    private static GuestImage Remapper(string name) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        const uint window = GuestLayout.ProcessBase + GuestLayout.ProcessBytes;
        const uint entry = GuestLayout.ProcessTables + 0x2000 + (window >> 12 & 0x3FF) * 4;
        k.Paging = GuestPaging.Paging32;
        k.User(a => a.Done());
        k.Boot(a =>
        {
            a.mov(__dword_ptr[0x60000], 0x11);
            a.mov(__dword_ptr[0x61000], 0x22);
            a.xor(edx, edx);
            a.mov(esi, 300);
            GuestLabel again = a.Here("again");
            foreach (uint frame in (uint[])[0x60000, 0x61000])
            {
                a.mov(__dword_ptr[entry], frame | 3);
                a.mov(eax, cr3);
                a.mov(cr3, eax);
                a.add(edx, __dword_ptr[window]);
            }

            EmitTouches(a, again);
        });
    });

    /// <summary>A kernel that lets a segment begin here and there in turn, and adds up what it reads at its start.</summary>
    private static GuestImage Redescriber(string name) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        const ushort selector = 0x48;
        k.Boot(a =>
        {
            a.mov(__dword_ptr[0x60000], 0x11);
            a.mov(__dword_ptr[0x61000], 0x22);
            a.xor(edx, edx);
            a.mov(esi, 300);
            GuestLabel again = a.Here("again");
            foreach (uint start in (uint[])[0x60000, 0x61000])
            {
                a.mov(__dword_ptr[GuestLayout.Gdt + selector], start << 16 | 0xFFF);
                a.mov(__dword_ptr[GuestLayout.Gdt + selector + 4], 0x00409300 | start >> 16);
                a.mov(eax, selector);
                a.mov(fs, eax);
                a.add(edx, __dword_ptr.fs[0]);
            }

            EmitTouches(a, again);
        });
    });

    /// <summary>Touches twenty pages, so that the host has to do, and goes round ESI times.</summary>
    private static void EmitTouches(GuestAssembler a, GuestLabel again)
    {
        a.mov(edi, 0x62000);
        a.mov(ecx, 20);
        GuestLabel touch = a.Here("touch");
        a.inc(__dword_ptr[edi]);
        a.add(edi, 0x1000);
        a.dec(ecx);
        a.jne(touch);
        a.dec(esi);
        a.jne(again);
        a.Done();
    }

    private static GuestImage Spender(string name) => Guest.Protected32(new GuestOptions { Name = name, MemoryBytes = 2 << 20 }, a =>
    {
        // Both operands cross a page.
        a.cld();
        a.mov(edi, 0x101FFE);
        a.mov(esi, 0x100FFE);
        GuestLabel next = a.Here("next");
        a.movsd();
        a.add(edi, 0x2000 - 4);
        a.add(esi, 0x2000 - 4);
        a.cmp(edi, 0x1FE000);
        a.jb(next);
        a.Done();
    });

    private static GuestImage Lender(string name) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        k.Balloon(0x60000, 60);
        k.Boot(a =>
        {
            GuestLabel next = a.CreateLabel("next");
            a.mov(edi, 0x60000);
            a.Label(next);
            a.inc(__dword_ptr[edi]);
            a.add(edi, 0x1000);
            a.cmp(edi, 0x60000 + 60 * 0x1000);
            a.jb(next);
        });
        k.User(a =>
        {
            GuestLabel wait = a.CreateLabel("wait");
            a.mov(ecx, 40_000);
            a.Label(wait);
            a.dec(ecx);
            a.jne(wait);
            a.Done();
        });
    });
}
