using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>RF between an IRET that sets it and the instruction that clears it (SDM Vol. 3B, 17.3.1.1).</summary>
public sealed class ResumeFlagTests
{
    private const uint Seen = 0x9800;

    [TestCase("bare")]
    [TestCase("interpret")]
    [TestCase("trap013")]
    [TestCase("hybrid")]
    [TestCase("translate")]
    [TestCase("vtx")]
    public void A_software_interrupt_pushes_it_as_0(string engine)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnInterrupt((byte)Vector.BP, a =>
            {
                a.mov(eax, __dword_ptr[esp + 8]);
                a.shr(eax, 16);
                a.Done();
            });
            k.Boot(a =>
            {
                Resume(a, Eflags.Fixed | Eflags.RF);
                a.int3();
            });
        });

        EngineRun run = GuestRunner.Run(Request(engine, guest, []));

        (run.ExitCode >> 1).Should().Be(0);
        Equivalence.Compare(GuestRunner.Run(Request("bare", guest, [])), run).Holds.Should().BeTrue();
    }

    [TestCase("trap013")]
    [TestCase("vtx")]
    public void An_interrupt_before_the_instruction_pushes_it_as_1(string engine)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnIrq(5, a =>
            {
                a.mov(eax, __dword_ptr[esp + 8 * 4 + 8]);
                a.or(__dword_ptr[Seen], eax);
            });
            k.Boot(a =>
            {
                for (int i = 0; i < 4; i++)
                {
                    Resume(a, Eflags.Fixed | Eflags.RF | Eflags.IF);
                    a.nop();
                }
            });
        });

        uint seen = 0;
        for (long tick = 20; tick < 50; tick++)
        {
            EngineRun bare = GuestRunner.Run(Request("bare", guest, [Injection.Interrupt(tick)]));
            EngineRun run = GuestRunner.Run(Request(engine, guest, [Injection.Interrupt(tick)]));

            Equivalence.Compare(bare, run).Should().Be(new EquivalenceVerdict(true, null, null, false), "the interrupt comes at tick {0}", tick);
            seen |= bare.Memory.ReadUInt32(new GuestPhysicalAddress(Seen));
        }

        (seen & Eflags.RF).Should().NotBe(0, "at some tick the interrupt came in between");
    }

    private static void Resume(GuestAssembler a, uint flags)
    {
        GuestLabel next = a.CreateLabel("next");
        a.push(flags);
        a.push(Selectors.Code0);
        a.push(next);
        a.iretd();
        a.Label(next);
    }

    private static RunRequest Request(string engine, GuestImage guest, IReadOnlyList<Injection> injections) => Requests.For(EngineRegistry.Find(engine)!, guest) with
    {
        Model = ModelRegistry.Load("yonah"),
        Devices = new GuestDevices { Injections = injections },
    };
}
