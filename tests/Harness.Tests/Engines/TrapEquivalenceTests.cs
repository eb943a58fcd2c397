using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Trap;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Whole kernels, effect by effect, where they use nothing that is sensitive and does not trap.</summary>
internal sealed class TrapEquivalenceTests
{
    [Test]
    public void A_kernel_with_system_calls_interrupts_and_processes_runs_as_on_the_bare_machine([Values] GuestPaging paging, [Values(1, 3)] int kernelRing)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.SystemCall(1, a => a.add(eax, ebx));
            k.Timer(20_000, a => k.Switch(a));
            for (int program = 0; program < 2; program++)
            {
                string text = program == 0 ? "a" : "b";
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
        });

        EngineRun bare = Requests.Run(new BareEngine(), guest);
        EngineRun run = Requests.Run(new TrapEngine(new TrapLayout("trap", kernelRing)), guest);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
        run.ResourceControl!.Holds.Should().BeTrue(run.ResourceControl.Detail);
        run.Efficiency.Holds.Should().BeTrue();
        run.Console.Should().Be(bare.Console);
        run.Ledger.Totals.Should().Contain(t => t.First.Kind == EngineEventKind.Injection && t.First.Cause == "vector 32");
    }

    [Test]
    public void The_frame_of_INT1_on_the_monitors_stack_is_no_loss_of_control()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnInterrupt(1, a => a.iretd());
            k.User(a =>
            {
                a.db(0xF1);
                a.Done();
            });
        });

        EngineRun run = Requests.Run(new TrapEngine(new TrapLayout("trap", 1)), guest);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.ResourceControl!.Holds.Should().BeTrue(run.ResourceControl.Detail);
    }

    [Test]
    public void The_first_wrong_value_is_named()
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            a.nop();
            a.Mark("leak");
            a.push(cs);
            a.pop(eax);
            a.Done();
        });

        Divergence? divergence = Equivalence.Compare(Requests.Run(new BareEngine(), guest), Requests.Run(TrapEngine.Trap013, guest)).FirstDivergence;

        divergence!.At.Should().Be("leak");
        (divergence.Bare, divergence.Found).Should().Be((0x08, 0x09));
    }
}
