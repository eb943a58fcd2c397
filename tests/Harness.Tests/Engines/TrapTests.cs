using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;
using Vector = Harness.Isa.Vector;

namespace Harness.Tests.Engines;

/// <summary>What traps is emulated, and the guest cannot tell.</summary>
internal sealed class TrapTests
{
    [Test]
    public void Privileged_instructions_trap_and_leave_the_bare_state()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            a.mov(ecx, 5);
            GuestLabel again = a.Here("again");
            a.add(ebx, ecx);
            a.loop(again);
            a.cli();
            a.mov(eax, cr0);
            a.or(eax, 2);
            a.mov(cr0, eax);
            a.clts();
            a.mov(edx, dr7);
            a.mov(al, (byte)0x36);
            a.@out(0x43, al);
            a.@in(al, 0x21);
            a.Done();
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Lines.Where(l => l.StartsWith("Trap", StringComparison.Ordinal)).Should().Equal(
            "Trap #GP privileged cli", "Trap #GP privileged mov", "Trap #GP privileged mov", "Trap #GP privileged clts", "Trap #GP privileged mov",
            "Trap #GP io out", "Trap #GP io in", "Trap #GP io out");
        run.Retired.Emulated.Should().Be(8);
        run.Retired.Guest.Should().Be(run.Ticks);
    }

    [Test]
    public void A_system_call_traps_on_the_way_in_and_on_the_way_out([Values(1, 3)] int kernelRing)
    {
        using var run = new TrapRun(ThreeSystemCalls(), kernelRing: kernelRing);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Count("Trap #GP software-interrupt int").Should().Be(3);
        run.Count("Injection vector 128 software-interrupt").Should().Be(3);

        // One more return: the kernel's first entry of the program.
        run.Lines.Count(l => l.EndsWith(" segment iretd", StringComparison.Ordinal)).Should().Be(4);
    }

    [Test]
    public void A_direct_return_to_user_mode_leaves_the_virtual_IF_behind()
    {
        using var run = new TrapRun(ThreeSystemCalls(), userReturn: "direct");

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        (run.Bare.Processor.Flags & Eflags.IF).Should().Be(Eflags.IF);
        (run.Virtual.Flags & Eflags.IF).Should().Be(0);
        run.Lines.Count(l => l.EndsWith(" segment iretd", StringComparison.Ordinal)).Should().BeLessThan(4);
    }

    [Test]
    public void A_direct_return_within_ring_3_pops_no_stack()
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.SystemCall(1, a => a.nop());
                k.User(u =>
                {
                    u.mov(eax, 1);
                    u.@int(GuestKernel.SystemCallVector);
                    u.mov(ebx, esp);
                    u.mov(ecx, ss);
                });
            }),
            userReturn: "direct",
            kernelRing: 3);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Bare.Processor.Register(3).Should().NotBe(run.Ebx);
        run.Ebx.Should().BeInRange(GuestLayout.ProcessStacks, GuestLayout.ProcessStacks + GuestLayout.ProcessStackBytes);
        run.Bare.Processor.Register(1).Should().Be(Selectors.Data3);
        run.Virtual.Gpr(1).Should().Be(Selectors.Data0 | 3);
    }

    [Test]
    public void SYSENTER_and_SYSEXIT_both_trap([Values(1, 3)] int kernelRing)
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            k.Boot(a =>
            {
                GuestLabel over = a.CreateLabel("over");
                GuestLabel entry = a.CreateLabel("entry");
                a.xor(edx, edx);
                a.mov(ecx, Msr.IA32_SYSENTER_CS);
                a.mov(eax, Selectors.Code0);
                a.wrmsr();
                a.mov(ecx, Msr.IA32_SYSENTER_ESP);
                a.mov(eax, GuestLayout.Stack0);
                a.wrmsr();
                a.mov(ecx, Msr.IA32_SYSENTER_EIP);
                a.mov(eax, entry);
                a.wrmsr();
                a.jmp(over);
                a.Label(entry);
                a.inc(ebx);
                a.sysexit();
                a.Label(over);
            });
            k.User(u =>
            {
                GuestLabel back = u.CreateLabel("back");
                u.mov(ecx, esp);
                u.mov(edx, back);
                u.sysenter();
                u.Label(back);
                u.mov(esi, ebx);
            });
        }), kernelRing: kernelRing);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Count("Trap #GP privileged sysenter").Should().Be(1);
        run.Count("Trap #GP privileged sysexit").Should().Be(1);
    }

    [Test]
    public void The_time_stamp_counter_is_read_directly_until_the_guest_writes_it()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            a.rdtsc();
            a.mov(ebx, eax);
            a.mov(ecx, Msr.IA32_TIME_STAMP_COUNTER);
            a.mov(eax, 1_000_000);
            a.xor(edx, edx);
            a.wrmsr();
            a.nop();
            a.rdtsc();
            a.Done();
        }));

        run.Differences().Should().BeEmpty();
        run.Eax.Should().Be(1_000_000 + 2);
        run.Count("Trap #GP privileged rdtsc").Should().Be(1);
    }

    [Test]
    public void The_guests_breakpoints_are_the_processors()
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            k.OnFault(Vector.DB, a =>
            {
                a.inc(__dword_ptr[0x6000]);
                a.mov(ebp, dr6);
                a.or(__dword_ptr[esp + 8], (uint)Flags.RF);
                a.iretd();
            });
            k.Boot(a =>
            {
                GuestLabel place = a.CreateLabel("place");
                a.mov(eax, place);
                a.mov(dr0, eax);
                a.mov(eax, 0x7000);
                a.mov(dr1, eax);
                a.mov(eax, 0x00D0000A | 1);
                a.mov(dr7, eax);
                a.mov(ecx, 3);
                a.Label(place);
                a.inc(ebx);
                a.loop(place);
                a.mov(__dword_ptr[0x7000], 1);
                a.Done();
            });
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Doubleword(0x6000).Should().Be(4);
        run.Count("Trap #DB reflected").Should().Be(4);
    }

    private static GuestImage ThreeSystemCalls() => Guest.Kernel(k =>
    {
        k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
        k.User(u =>
        {
            u.mov(ecx, 3);
            GuestLabel again = u.Here("again");
            u.mov(ebx, 21);
            u.mov(eax, 1);
            u.@int(GuestKernel.SystemCallVector);
            u.loop(again);
            u.mov(ebx, eax);
        });
    });

    [TestCase(GuestPaging.None)]
    [TestCase(GuestPaging.Paging32)]
    [TestCase(GuestPaging.Pae)]
    public void Processes_fork_switch_and_print_as_on_the_bare_machine(GuestPaging paging)
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.Timer(10_000, a => k.Switch(a));
            foreach (string text in new[] { "one\n", "two\n" })
            {
                k.User(u =>
                {
                    u.mov(esi, 3);
                    GuestLabel again = u.Here("again");
                    k.Print(u, text);
                    u.mov(ecx, 30_000);
                    GuestLabel spin = u.Here("spin");
                    u.loop(spin);
                    u.dec(esi);
                    u.jnz(again);
                });
            }
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Console.Should().Contain("one\n").And.Contain("two\n");
    }

    [TestCase(1)]
    [TestCase(1_000)]
    [TestCase(100_000)]
    public void A_timer_interrupt_arrives_before_the_same_instruction(long step)
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Timer(20_000, a =>
                {
                    a.inc(__dword_ptr[0x6000]);
                    a.mov(__dword_ptr[0x6004], ebx);
                });
                k.Boot(a =>
                {
                    a.sti();
                    GuestLabel again = a.Here("again");
                    a.inc(ebx);
                    a.cmp(__dword_ptr[0x6000], 3);
                    a.jb(again);
                    a.hlt();
                    a.cli();
                    a.Done();
                });
            }),
            step: step);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Doubleword(0x6000).Should().Be(4);
        run.Count("Injection vector 32 interrupt").Should().Be(4);
        run.HaltedTicks.Should().BePositive();
        run.FirstDivergence.Should().BeNull();
    }

    [Test]
    public void Every_boundary_translates_into_the_bare_registers(
        [Values] GuestPaging paging, [Values(1, 3)] int kernelRing, [Values("one", "two")] string shadows)
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Paging = paging;
                k.SystemCall(1, a => a.add(eax, ebx));
                k.User(u =>
                {
                    u.mov(ebx, 5);
                    u.mov(eax, 1);
                    u.@int(GuestKernel.SystemCallVector);
                    u.push(eax);
                    if (paging != GuestPaging.None)
                    {
                        k.Fork(u);
                    }

                    u.mov(ecx, 10);
                    GuestLabel again = u.Here("again");
                    u.loop(again);
                });
            }),
            kernelRing: kernelRing,
            shadows: shadows,
            step: 1);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.FirstDivergence.Should().BeNull();
        run.Steps.Should().BeGreaterThan(30);
        run.Differences().Should().BeEmpty();
    }

    [Test]
    public void An_interrupt_waits_for_the_instruction_after_STI()
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Timer(100_000, a => a.inc(__dword_ptr[0x6000]));
                k.Boot(a =>
                {
                    a.mov(ecx, 20_000);
                    GuestLabel spin = a.Here("spin");
                    a.loop(spin);
                    a.sti();
                    a.mov(ebx, __[0x6000]);
                    a.mov(edx, __[0x6000]);
                    a.cli();
                    a.Done();
                });
            }));

        run.Differences().Should().BeEmpty();
        run.Ebx.Should().Be(0);
        run.Virtual.Gpr(2).Should().Be(1);
    }
}
