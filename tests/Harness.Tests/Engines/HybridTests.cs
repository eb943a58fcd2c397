using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Hybrid;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Supervisor mode is interpreted, and right; user mode runs directly, and leaks what it leaks.</summary>
internal sealed class HybridTests
{
    private const uint At = 0x6000;

    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void A_guest_runs_as_on_the_bare_machine(GuestImage guest) => Run(guest).End.Should().Be(GuestEnd.Done);

    [Test]
    public void A_kernel_with_processes_interrupts_and_system_calls_runs_as_on_the_bare_machine([Values] GuestPaging paging)
    {
        EngineRun run = Run(Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.SystemCall(1, a => a.add(eax, ebx));
            k.Timer(20_000, a => k.Switch(a));
            foreach (string text in new[] { "a", "b" })
            {
                k.User(u =>
                {
                    if (paging != GuestPaging.None)
                    {
                        k.Fork(u);
                    }

                    u.mov(ebx, 5);
                    u.mov(eax, 1);
                    u.@int(GuestKernel.SystemCallVector);
                    u.push(eax);
                    u.mov(ecx, 60_000);
                    GuestLabel again = u.Here("again");
                    u.loop(again);
                    k.Print(u, text);
                });
            }
        }));

        run.Retired.Direct.Should().BeGreaterThan(120_000);
        run.Retired.Emulated.Should().BePositive();
        run.Efficiency.Holds.Should().BeTrue();
        run.Ledger.Totals.Where(t => t.First.Kind is EngineEventKind.Trap or EngineEventKind.HiddenFault).Should().OnlyContain(t => t.First.Cpl == 3);
        run.Ledger.Totals.Should().Contain(t => t.First.Kind == EngineEventKind.Interrupt);
    }

    [Test]
    public void Sensitive_instructions_of_the_kernel_show_nothing_of_the_monitor()
    {
        EngineRun run = Run(Guest.Protected32(a =>
        {
            a.push(Flags.IF | Flags.Fixed);
            a.popfd();
            a.pushfd();
            a.cli();
            a.push(cs);
            a.sgdt(__[At]);
            a.sidt(__[At + 8]);
            a.str(eax);
            a.smsw(ebx);
            a.mov(ecx, Selectors.Code0);
            a.lar(edx, ecx);
            a.Done();
        }));

        run.Retired.Direct.Should().Be(0);
        run.Ledger.Totals.Should().BeEmpty();
    }

    [Test]
    public void What_user_mode_shows_of_the_monitor_is_named()
    {
        GuestImage guest = Guest.Kernel(k => k.User(u =>
        {
            u.push(-1);
            u.push(-1);
            u.Mark("leak");
            u.sidt(__[esp]);
            u.pop(eax);
        }));

        Compare(guest, out _).FirstDivergence!.At.Should().Be("leak");
    }

    [Test]
    public void Rings_1_and_2_are_interpreted([Values(1, 2)] int ring)
    {
        EngineRun run = Run(Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a => { a.inc(ebx); a.Done(); });
            k.Ring(ring, a =>
            {
                a.push(cs);
                a.cli();
            });
        }));

        run.Retired.Direct.Should().Be(0);
    }

    [Test]
    public void A_page_directory_pointer_table_that_is_loaded_anew_counts_although_CR3_is_the_same()
    {
        const uint Page = 0x30000;
        var first = new PageTables(GuestPaging.Pae, 0x60000);
        var second = new PageTables(GuestPaging.Pae, 0x68000);
        first.Map(0, 0, 0x100000, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
        second.Map(0, 0, 0x100000, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
        second.Map(Page, Page + 0x1000, 0x1000, Harness.Scenarios.PageRights.User);
        EngineRun run = Run(Guest.Kernel(k =>
        {
            k.SystemCall(1, a =>
            {
                a.mov(eax, __dword_ptr[second.Directory]);
                a.mov(__dword_ptr[first.Directory], eax);
                a.mov(eax, cr3);
                a.mov(cr3, eax);
            });
            k.Boot(a =>
            {
                a.mov(__dword_ptr[Page], 1);
                a.mov(__dword_ptr[Page + 0x1000], 2);
                a.mov(eax, cr4);
                a.or(eax, Cr4.PAE);
                a.mov(cr4, eax);
                a.mov(eax, first.Directory);
                a.mov(cr3, eax);
                a.mov(eax, cr0);
                a.or(eax, Cr0.PG);
                a.mov(cr0, eax);
            });
            k.User(u =>
            {
                u.mov(ebx, __dword_ptr[Page]);
                u.mov(eax, 1);
                u.@int(GuestKernel.SystemCallVector);
                u.add(ebx, __dword_ptr[Page]);
                u.Done();
                first.Emit(u);
                second.Emit(u);
            });
        }));

        run.Final.Ebx.Should().Be(1 + 2);
    }

    private static EngineRun Run(GuestImage guest)
    {
        EquivalenceVerdict verdict = Compare(guest, out EngineRun run);
        verdict.FirstDivergence.Should().BeNull();
        run.ResourceControl!.Holds.Should().BeTrue(run.ResourceControl.Detail);
        return run;
    }

    private static EquivalenceVerdict Compare(GuestImage guest, out EngineRun run)
    {
        EngineRun bare = Requests.Run(new BareEngine(), guest);
        run = Requests.Run(new HybridEngine(), guest);
        run.End.Should().Be(bare.End, run.StopReason);
        return Equivalence.Compare(bare, run);
    }
}
