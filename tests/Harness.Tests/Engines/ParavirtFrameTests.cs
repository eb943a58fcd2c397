using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Paravirt;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>What a kernel finds in the frames and registers that the monitor, or code in the place of an instruction, hands it is as on the bare machine.</summary>
internal sealed class ParavirtFrameTests
{
    private const uint Seen = 0x9800;
    private const uint Page = 0x90000;

    /// <summary>SDM Vol. 2A, INT n: the frame's EIP is behind the instruction, whose place a handler may read and pass over.</summary>
    [Test]
    public void A_system_call_of_the_kernel_itself_returns_behind_it() => ShouldSeeTheSame(0x55AA1234, k =>
    {
        k.DirectSystemCalls = true;
        k.SystemCall(1, a =>
        {
            a.mov(esi, __dword_ptr[esp + 32]);
            a.mov(eax, __dword_ptr[esi]);
            a.add(__dword_ptr[esp + 32], 4);
        });
        k.Boot(a =>
        {
            a.mov(eax, 1);
            a.@int(GuestKernel.SystemCallVector);
            a.Dd(0x55AA1234);
            a.mov(__dword_ptr[Seen], eax);
        });
    });

    /// <summary>SDM Vol. 3A, 6.12.1.3: TF and NT are clear behind the frame.</summary>
    [TestCase(Eflags.NT)]
    [TestCase(Eflags.TF)]
    public void A_system_call_of_the_kernel_itself_clears(uint flag) => ShouldSeeTheSame(0x80000000, k =>
    {
        k.DirectSystemCalls = true;
        k.OnFault(Vector.DB, a => a.iretd());
        k.SystemCall(1, a =>
        {
            a.pushfd();
            a.pop(ecx);
            a.and(ecx, (int)(Eflags.NT | Eflags.TF));
            a.or(ecx, int.MinValue);
            a.mov(__dword_ptr[Seen], ecx);
        });
        k.Boot(a =>
        {
            a.push((int)(Eflags.Fixed | flag));
            a.popfd();
            a.mov(eax, 1);
            a.@int(GuestKernel.SystemCallVector);
            a.push((int)Eflags.Fixed);
            a.popfd();
        });
    });

    /// <summary>SDM Vol. 2A, IRET: #PF where the frame cannot be read.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void An_IRETD_whose_frame_is_not_there_faults(bool accepts) => ShouldSeeTheSame(Page + 0x1000, k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.OnFault(Vector.PF, a =>
        {
            a.mov(ebx, cr2);
            a.mov(__dword_ptr[Seen], ebx);
            a.Done();
        });
        k.OnInterrupt(0x90, a =>
        {
            a.mov(ebx, Page + 0x1000);
            a.mov(ecx, 0);
            k.Remap(a);
            a.mov(esp, Page + 0xFF8);
            if (accepts)
            {
                a.sti();
            }

            a.iretd();
            a.mov(__dword_ptr[Seen], 0xDEAD);
            a.Done();
        });
        k.User(a => a.@int(0x90));
    });

    /// <summary>SDM Vol. 3A, 4.7: CR2 is the address that caused the fault, for an operand over a page boundary the first one behind it.</summary>
    [TestCase(0x6D)]
    [TestCase(0x6F)]
    public void INSD_and_OUTSD_over_a_page_boundary_show_the_page_that_is_missing(byte opcode) => ShouldSeeTheSame(Page + 0x1000, k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
        k.OnFault(Vector.PF, a =>
        {
            a.mov(ebx, cr2);
            a.mov(__dword_ptr[Seen], ebx);
            a.Done();
        });
        k.Boot(a =>
        {
            a.mov(ebx, Page);
            a.mov(ecx, Page | 7);
            k.Remap(a);
            a.mov(ebx, Page + 0x1000);
            a.mov(ecx, 0);
            k.Remap(a);
        });
        k.User(a =>
        {
            a.mov(edi, Page + 0xFFE);
            a.mov(esi, edi);
            a.mov(edx, 0x80);
            a.Db(opcode);
        });
    });

    /// <summary>A handler whose own code is not there: each delivery faults before an instruction is executed, and takes a tick as it does on the processor.</summary>
    [Test]
    public void Deliveries_without_an_instruction_between_them_come_to_the_limit()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnFault(Vector.PF, a => a.iretd());
            k.Boot(a =>
            {
                a.mov(esp, 0x80000);
                a.mov(ebx, GuestLayout.Code);
                a.mov(ecx, 0);
                k.Remap(a);
            });
            k.User(a => a.Done());
        });

        EngineRun run = GuestRunner.Run(Requests.For(new ParavirtEngine(), guest) with { MaxInstructions = 1000 });

        run.End.Should().Be(GuestEnd.Limit);
        run.Ledger.Totals.Sum(count => count.Count).Should().BeLessThan(3000);
    }

    private static void ShouldSeeTheSame(uint expected, Action<GuestKernel> build)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Boot(a => a.mov(__dword_ptr[Seen], 0));
            build(k);
            k.User(a => a.Done());
        });
        foreach (IEngine engine in (IEngine[])[new BareEngine(), new ParavirtEngine()])
        {
            EngineRun run = Requests.Run(engine, guest);
            run.End.Should().Be(GuestEnd.Done, $"{engine.Name}: {run.StopReason}");
            run.Memory.ReadUInt32(new GuestPhysicalAddress(Seen)).Should().Be(expected, engine.Name);
        }
    }
}
