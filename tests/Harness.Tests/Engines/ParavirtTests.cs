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

/// <summary>A kernel built against hypercalls, and what its programs see of it.</summary>
internal sealed class ParavirtTests
{
    private const uint Steps = 0x9800;
    private const uint Page = 0x90000;

    /// <summary>Iterations in which a timer of 100 kHz interrupts for certain.</summary>
    private const int Wait = 30_000;

    [Test]
    public void A_program_is_stepped_over_the_instructions_that_the_monitor_carries_out_too()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            k.Boot(a => a.mov(__dword_ptr[Steps], 0));
            k.OnFault(Vector.DB, a =>
            {
                a.inc(__dword_ptr[Steps]);
                a.iretd();
            });
            k.User(a =>
            {
                a.push((int)(Flags.Fixed | Flags.IF | Flags.TF));
                a.popfd();
                a.@in(al, 0x80);
                a.@out(0x80, al);
                a.cli();
                a.sti();
                a.push((int)(Flags.Fixed | Flags.IF));
                a.popfd();
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        bare.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(6, "POPFD starts stepping after the next instruction; the last one ends it but is stepped");
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(6);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(Flags.Fixed | Flags.IF | Flags.IOPL3)]
    [TestCase(Flags.Fixed | Flags.IOPL3)]
    [TestCase(Flags.Fixed)]
    public void A_direct_system_call_keeps_the_programs_IF_and_IOPL(Flags flags)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.DirectSystemCalls = true;
            k.UserFlags = flags;
            k.Timer(100_000, a => a.inc(__dword_ptr[Steps]));
            k.OnFault(Vector.GP, a =>
            {
                a.add(esp, 4);
                a.add(__dword_ptr[esp], 2);
                a.mov(edi, 1);
                a.iretd();
            });
            k.SystemCall(1, a => a.mov(eax, 7));
            k.User(a =>
            {
                a.mov(edi, 0);
                a.mov(eax, 1);
                a.@int(0x80);
                a.@in(al, 0x80);
                a.mov(ecx, Wait);
                GuestLabel wait = a.Here("wait");
                a.dec(ecx);
                a.jne(wait);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
        (run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)) != 0).Should().Be((flags & Flags.IF) != 0);
    }

    [TestCase(0x00)]
    [TestCase(0x01)]
    [TestCase(0x02)]
    [TestCase(0x05)]
    [TestCase(0x10)]
    [TestCase(0x1F)]
    [TestCase(0xFF)]
    public void INT_n_of_a_program_reaches_a_handler_of_DPL_3(byte vector)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnInterrupt(vector, a =>
            {
                a.mov(edx, __dword_ptr[esp]);
                a.iretd();
            });
            k.User(a =>
            {
                a.@int(vector);
                a.mov(ebx, edx);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Final.Ebx.Should().Be(bare.Final.Ebx).And.NotBe(0);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(Cr0.AM, 0u, Vector.AC)]
    [TestCase(Cr0.TS, 0u, Vector.NM)]
    [TestCase(Cr0.EM, 0u, Vector.NM)]
    [TestCase(0u, Cr4.TSD, Vector.GP)]
    public void Control_bits_that_a_kernel_starts_with_hold_for_its_programs(uint cr0, uint cr4, Vector vector)
    {
        GuestImage guest = Guest.Kernel(new GuestOptions { Cr0 = cr0, Cr4 = cr4 }, k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.AC;
            k.OnFault(vector, a =>
            {
                a.mov(__dword_ptr[Steps], 1);
                a.Done();
            });
            k.User(a =>
            {
                a.mov(eax, __dword_ptr[Page + 1]);
                a.fnop();
                a.rdtsc();
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(1);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void Control_bits_that_no_hypercall_stands_for_are_refused_by_name()
    {
        GuestImage guest = Guest.Kernel(new GuestOptions { Cr4 = Cr4.PGE }, k => k.User(a => a.Done()));

        new ParavirtEngine().NotApplicable(ProcessorModel.Load("yonah"), guest).Should().Contain("CR4").And.Contain("80h");
    }

    [Test]
    public void A_kernel_that_starts_with_IF_accepts_interrupts()
    {
        GuestImage guest = Guest.Kernel(new GuestOptions { Flags = Flags.Fixed | Flags.IF }, k =>
        {
            k.Boot(a =>
            {
                a.pushfd();
                a.pop(__dword_ptr[Steps]);
            });
            k.User(a =>
            {
                a.mov(ebx, __dword_ptr[Steps]);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Ebx & (uint)Flags.IF).Should().NotBe(0);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void A_page_may_be_marked_global()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.Boot(a =>
            {
                a.mov(ebx, Page);
                a.mov(ecx, Page | PageEntry.P | PageEntry.RW | PageEntry.US | PageEntry.G);
                k.Remap(a);
            });
            k.User(a =>
            {
                a.mov(__dword_ptr[Page], 5);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Memory.ReadUInt32(new GuestPhysicalAddress(Page)).Should().Be(5);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(0x03, 0x23, 0x00)]
    [TestCase(0x7F3, 0x23, 0x7F0)]
    [TestCase(0x23, 0x23, 0x20)]
    [TestCase(0x0B, 0x23, 0x08)]
    [TestCase(0x1F, 0x23, 0x1C)]
    [TestCase(0x1B, 0x00, 0x00)]
    [TestCase(0x1B, 0x10, 0x10)]
    [TestCase(0x1B, 0x13, 0x10)]
    [TestCase(0x1B, 0x1B, 0x18)]
    public void A_faulting_IRET_can_be_mended_and_retried(int cs, int ss, int errorCode)
    {
        GuestLabel? start = null;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a =>
            {
                a.pop(__dword_ptr[Steps]);

                // Behind the handler's own frame lies the one that was refused.
                a.mov(__dword_ptr[esp + 16], 0x1B);
                a.mov(__dword_ptr[esp + 28], 0x23);
                a.iretd();
            });
            k.User(a =>
            {
                start = a.Here("start");
                a.mov(ebx, __dword_ptr[Steps]);
                a.mov(ecx, eax);
                a.Done();
            });
            k.Boot(a =>
            {
                a.mov(eax, 0x23);
                a.mov(ds, eax);
                a.mov(eax, 0x77);
                a.push(ss);
                a.push((int)Page);
                a.push((int)(Flags.Fixed | Flags.IF));
                a.push(cs);
                a.push(start!.Value);
                a.iretd();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Ebx, run.Final.Ecx).Should().Be(((uint)errorCode, 0x77u));
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void A_return_to_virtual_8086_mode_is_refused_by_name()
    {
        GuestImage guest = Guest.Kernel(k => k.Boot(a =>
        {
            a.push((int)(Flags.Fixed | Flags.VM));
            a.push(0x1000);
            a.push(0);
            a.iretd();
        }));

        EngineRun run = Requests.Run(new ParavirtEngine(), guest);

        run.End.Should().Be(GuestEnd.Unsupported);
        run.StopReason.Should().Contain("virtual-8086");
    }

    [Test]
    public void String_instructions_of_a_program_reach_its_ports()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            k.Paging = GuestPaging.Paging32;
            k.Boot(a =>
            {
                a.mov(ebx, Page - 0x1000);
                a.mov(ecx, (Page - 0x1000) | PageEntry.P | PageEntry.RW | PageEntry.US);
                k.Remap(a);
                a.mov(ebx, Page);
                a.mov(ecx, 0);
                k.Remap(a);
            });
            k.OnFault(Vector.PF, a =>
            {
                a.pop(__dword_ptr[Steps]);
                a.mov(ebx, cr2);
                a.mov(__dword_ptr[Steps + 4], ebx);
                a.push(eax);
                a.push(ecx);
                a.mov(ebx, Page);
                a.mov(ecx, Page | PageEntry.P | PageEntry.RW | PageEntry.US);
                k.Remap(a);
                a.pop(ecx);
                a.pop(eax);
                a.iretd();
            });
            k.User(a =>
            {
                GuestLabel text = a.CreateLabel("text");
                a.mov(edx, 0x3F8);
                a.mov(esi, text);
                a.mov(ecx, 3);
                a.rep.outsb();
                a.std();
                a.dec(esi);
                a.outsb();
                a.mov(ecx, 0);
                a.rep.outsb();
                a.mov(edx, 0x71);
                a.cld();
                a.mov(edi, Page - 2);
                a.insw();
                a.dec(edi);
                a.insw();
                a.Done();
                a.Label(text);
                a.Db((byte)'a', (byte)'b', (byte)'c');
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Console.Should().Be("abcc");
        (run.Final.Esi, run.Final.Edi).Should().Be((bare.Final.Esi, Page + 1));
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(6, "a write of a program to a page that is not there");
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + 4)).Should().Be(Page);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void An_instruction_of_a_16_bit_code_segment_is_carried_out_as_such()
    {
        const ushort Code16 = 0x30;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            k.OnInterrupt(ParavirtInterface.Vector, a =>
            {
                a.mov(__dword_ptr[ebx], ecx);
                a.mov(__dword_ptr[ebx + 4], edx);
                a.iretd();
            });
            k.Boot(a =>
            {
                a.mov(eax, (uint)Hypercall.UpdateDescriptor);
                a.mov(ebx, GuestLayout.Gdt + Code16);
                a.mov(ecx, 0x0000FFFF);
                a.mov(edx, (int)(0xFA00 | Page >> 16));
                a.@int(ParavirtInterface.Vector);
            });
            k.User(a =>
            {
                GuestLabel back = a.CreateLabel("back");

                // IN AX, DX; JMP FAR ptr16:32.
                a.mov(__dword_ptr[Page], 0xEA66ED);
                a.mov(__dword_ptr[Page + 3], back);
                a.mov(__word_ptr[Page + 7], 0x1B);
                a.mov(eax, 0x12345678);
                a.mov(edx, 0x80);
                a.Db(0xEA);
                a.Dd(0);
                a.Dw(Code16 | 3);
                a.Label(back);
                a.mov(ebx, eax);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Final.Ebx.Should().Be(bare.Final.Ebx);
        (run.Final.Ebx >> 16).Should().Be(0x1234);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void Nothing_arrives_between_STI_and_CLI()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IOPL3;
            k.Timer(100_000, a => a.inc(__dword_ptr[Steps]));
            k.Boot(StiCli);
            k.User(a =>
            {
                StiCli(a);
                a.mov(ebx, __dword_ptr[Steps]);
                a.sti();
                a.nop();
                a.nop();
                a.cli();
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Final.Ebx.Should().Be(0);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(1, "one waits, and arrives where two instructions follow STI");
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    private static void StiCli(GuestAssembler a)
    {
        a.mov(ecx, Wait);
        GuestLabel wait = a.Here("wait");
        a.dec(ecx);
        a.jne(wait);
        a.sti();
        a.cli();
    }

    private static EngineRun Run(IEngine engine, GuestImage guest)
    {
        EngineRun run = Requests.Run(engine, guest);
        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        return run;
    }
}
