using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Paravirt;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Where the monitor takes the place of the processor or of a pager: flags, limits, bits of page tables and interrupt shadows are as on the bare machine.</summary>
internal sealed class ParavirtStateTests
{
    private const uint Steps = 0x9800;
    private const uint Page = 0x90000;
    private const uint UserCode = AccessRights.P | AccessRights.S | AccessRights.Code | AccessRights.WritableOrReadable | AccessRights.DB | 3u << AccessRights.DplShift;

    /// <summary>Iterations in which a timer of 100 kHz interrupts for certain.</summary>
    private const int Wait = 30_000;

    [TestCase(false)]
    [TestCase(true)]
    public void A_system_call_of_the_kernel_itself_keeps_its_IF(bool accepts)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.DirectSystemCalls = true;
            k.Timer(100_000, a => a.inc(__dword_ptr[Steps]));
            k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
            k.SystemCall(2, a =>
            {
                a.mov(eax, 1);
                a.@int(GuestKernel.SystemCallVector);
            });
            k.Boot(a =>
            {
                a.mov(__dword_ptr[Steps], 0);
                if (accepts)
                {
                    a.sti();
                }

                a.stc();
                a.mov(eax, 1);
                a.mov(ebx, 21);
                a.@int(GuestKernel.SystemCallVector);
                a.setc(dl);
                a.mov(__dword_ptr[Steps + 4], eax);
                a.mov(__byte_ptr[Steps + 8], dl);
                a.mov(ecx, Wait);
                GuestLabel wait = a.Here("wait");
                a.dec(ecx);
                a.jne(wait);
                a.cli();
                a.mov(ecx, __dword_ptr[Steps]);
                a.mov(__dword_ptr[Steps + 12], ecx);
            });
            k.User(a =>
            {
                a.mov(eax, 2);
                a.mov(ebx, 4);
                a.@int(GuestKernel.SystemCallVector);
                a.mov(ecx, __dword_ptr[Steps + 4]);
                a.mov(edx, __dword_ptr[Steps + 8]);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Eax, run.Final.Ecx, run.Final.Edx & 0xFF).Should().Be((8u, 42u, 1u));
        (run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + 12)) != 0).Should().Be(accepts);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(Eflags.NT)]
    [TestCase(Eflags.VIF)]
    [TestCase(Eflags.VIP | Eflags.VIF)]
    public void A_flag_that_a_program_starts_with_outlives_the_monitor(uint flag)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | (Flags)flag;
            k.OnFault(Vector.UD, a =>
            {
                a.mov(edx, __dword_ptr[esp + 8]);
                a.pushfd();
                a.pop(edi);
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.User(a =>
            {
                a.pushfd();
                a.pop(ebx);
                a.ud2();
                a.pushfd();
                a.pop(ecx);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Ebx & flag, run.Final.Ecx & flag, run.Final.Edx & flag, run.Final.Edi & Eflags.NT).Should().Be((flag, flag, flag, 0u));
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void NT_that_a_program_sets_outlives_a_system_call()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.SystemCall(1, a => a.mov(eax, 7));
            k.User(a =>
            {
                a.push((int)(Eflags.Fixed | Eflags.NT));
                a.popfd();
                a.mov(eax, 1);
                a.@int(GuestKernel.SystemCallVector);
                a.pushfd();
                a.pop(ebx);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Ebx & Eflags.NT).Should().Be(Eflags.NT);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void A_return_with_NT_is_refused_by_name()
    {
        GuestImage guest = Guest.Kernel(k => k.Boot(a =>
        {
            a.push((int)(Eflags.Fixed | Eflags.NT));
            a.popfd();
            a.iretd();
        }));

        EngineRun run = Requests.Run(new ParavirtEngine(), guest);

        run.End.Should().Be(GuestEnd.Unsupported);
        run.StopReason.Should().Contain("NT");
    }

    [Test]
    public void A_page_that_is_taken_out_faults_and_leaves_its_guest_address()
    {
        // The handler reads the entry that the pager has left: it has the guest's address.
        const uint entry = GuestLayout.ProcessTables + 0x1000 + Page / 0x1000 * 4;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.Boot(a => a.mov(__dword_ptr[Steps], 0));
            k.OnFault(Vector.PF, a =>
            {
                a.add(esp, 4);
                a.pushad();
                a.inc(__dword_ptr[Steps]);
                a.mov(eax, __dword_ptr[entry]);
                a.mov(__dword_ptr[Steps + 4], eax);
                a.mov(ebx, Page);
                a.mov(ecx, Page | PageEntry.P | PageEntry.RW | PageEntry.US);
                k.Remap(a);
                a.popad();
                a.iretd();
            });
            k.Boot(a =>
            {
                a.mov(ebx, Page);
                a.mov(ecx, Page | PageEntry.P | PageEntry.RW | PageEntry.US);
                k.Remap(a);
            });
            k.User(a =>
            {
                a.mov(ecx, 500);
                GuestLabel next = a.Here("next");
                a.add(__dword_ptr[Page], ecx);
                a.loop(next);
                a.Done();
            });
        });
        Injection[] injections = [Injection.PageOut(400, new LinearAddress(Page))];

        EngineRun bare = Run(new BareEngine(), guest, injections);
        EngineRun run = Run(new ParavirtEngine(), guest, injections);

        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps)).Should().Be(1);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + 4)).Should().Be(bare.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + 4))).And.Be(Page | 0x66);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void The_frame_of_an_exception_marks_its_stack_accessed_and_dirty()
    {
        const uint entry = GuestLayout.ProcessTables + 0x1000 + Page / 0x1000 * 4;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnInterrupt(ParavirtInterface.Vector, a =>
            {
                // What the hypercall does, on the bare machine.
                a.mov(__dword_ptr[GuestLayout.Tss + 4], ecx);
                a.mov(eax, HypercallResult.Done);
                a.iretd();
            });
            k.OnFault(Vector.UD, a =>
            {
                a.mov(edx, __dword_ptr[entry]);
                a.and(edx, (int)(PageEntry.A | PageEntry.D));
                a.add(__dword_ptr[esp], 2);
                a.mov(eax, (uint)Hypercall.SwitchStack);
                a.mov(ebx, Selectors.Data0);
                a.mov(ecx, Page + 0x1000);
                a.@int(ParavirtInterface.Vector);
                a.iretd();
            });
            k.User(a =>
            {
                a.ud2();
                a.mov(esi, edx);
                a.ud2();
                a.mov(eax, 0);
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        (run.Final.Esi, run.Final.Edx).Should().Be((0u, PageEntry.A | PageEntry.D));
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(true)]
    [TestCase(false)]
    public void RF_is_set_between_iterations_of_a_string_instruction(bool isIn)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            k.OnFault(Vector.DB, a =>
            {
                a.mov(ebx, __dword_ptr[esp + 8]);
                a.and(ebx, (int)Eflags.RF);
                a.add(ebp, ebx);
                a.inc(ebp);
                a.iretd();
            });
            k.User(a =>
            {
                a.mov(ebp, 0);
                a.mov(edx, 0x80);
                a.mov(edi, Page);
                a.mov(esi, Page);
                a.mov(ecx, 3);
                a.push((int)(Flags.Fixed | Flags.IF | Flags.TF));
                a.popfd();
                if (isIn)
                {
                    a.rep.insb();
                }
                else
                {
                    a.rep.outsb();
                }

                a.push((int)(Flags.Fixed | Flags.IF));
                a.popfd();
                a.Done();
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        run.Final.Ebp.Should().Be(bare.Final.Ebp).And.Be(2 * Eflags.RF + 5, "three iterations, of which two are not the last, and two instructions that end stepping");
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase((byte)0x64, (byte)0xFE, false)]
    [TestCase((byte)0x92, (byte)1, false)]
    [TestCase((byte)0x92, (byte)1, true)]
    public void A_reset_of_the_machine_is_refused_by_name(byte port, byte value, bool byProgram)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            k.Boot(a => Reset(a, isHere: !byProgram));
            k.User(a => Reset(a, isHere: byProgram));
        });

        EngineRun run = Requests.Run(new ParavirtEngine(), guest);

        run.End.Should().Be(GuestEnd.Unsupported);
        run.StopReason.Should().Contain("resets");

        void Reset(GuestAssembler a, bool isHere)
        {
            a.mov(al, value);
            if (isHere)
            {
                a.@out(port, al);
            }
        }
    }

    [TestCase("E6 80", TestName = "The_fetch_behind_the_limit_of_a_code_segment_faults_in_the_program")]
    [TestCase("66 66 EE", TestName = "An_instruction_that_the_limit_of_its_code_segment_cuts_is_not_carried_out")]
    [TestCase("FB FA", TestName = "STI_and_CLI_as_the_last_of_a_code_segment")]
    public void A_code_segment_of_two_bytes(string bytes)
    {
        const ushort Short = 0x30;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UserFlags = Flags.Fixed | Flags.IF | Flags.IOPL3;
            UpdateDescriptors(k);
            k.OnFault(Vector.GP, a =>
            {
                a.pop(esi);
                a.pop(edi);
                a.pop(ebx);
                a.pop(ebp);
                a.mov(__dword_ptr[Steps], edi);
                a.mov(__dword_ptr[Steps + 4], ebp);
                a.mov(__dword_ptr[Steps + 8], esi);
                a.Done();
            });
            k.Boot(a => UpdateDescriptor(a, Short, Descriptor.Segment(Page, 1, UserCode)));
            k.User(a =>
            {
                byte[] code = Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal));
                for (uint i = 0; i < code.Length; i++)
                {
                    a.mov(__byte_ptr[Page + i], code[i]);
                }

                a.mov(eax, 'A');
                a.mov(edx, 0x3F8);
                a.Db(0xEA);
                a.Dd(0);
                a.Dw(Short | 3);
            });
        });

        EngineRun bare = Run(new BareEngine(), guest);
        EngineRun run = Run(new ParavirtEngine(), guest);

        for (uint i = 0; i < 3; i++)
        {
            run.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + i * 4)).Should().Be(bare.Memory.ReadUInt32(new GuestPhysicalAddress(Steps + i * 4)));
        }

        run.Console.Should().BeEmpty();
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [Test]
    public void Nothing_arrives_in_the_kernel_between_STI_and_IRETD()
    {
        const byte Vector = 0x90;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnIrq(1, a =>
            {
                // Behind PUSHAD and EIP.
                a.mov(eax, __dword_ptr[esp + 36]);
                a.and(eax, 3);
                a.mov(__dword_ptr[Steps], eax);
            });
            k.OnInterrupt(Vector, a =>
            {
                a.mov(ecx, 500);
                GuestLabel wait = a.Here("wait");
                a.loop(wait);
                a.sti();
                a.iretd();
            });
            k.User(a =>
            {
                a.@int(Vector);
                a.mov(ebx, __dword_ptr[Steps]);
                a.Done();
            });
        });
        Injection[] injections = [Injection.Interrupt(300, 1)];

        EngineRun bare = Run(new BareEngine(), guest, injections);
        EngineRun run = Run(new ParavirtEngine(), guest, injections);

        run.Final.Ebx.Should().Be(3);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    [TestCase(Flags.Fixed, 0u)]
    [TestCase(Flags.Fixed | Flags.IF, 1u)]
    public void Nothing_arrives_between_STI_and_POPFD(Flags flags, uint arrived)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.OnIrq(1, a => a.inc(__dword_ptr[Steps]));
            k.Boot(a =>
            {
                a.mov(ecx, 500);
                GuestLabel wait = a.Here("wait");
                a.loop(wait);
                a.push((int)flags);
                a.sti();
                a.popfd();
                a.nop();
                a.mov(ebx, __dword_ptr[Steps]);
                a.mov(__dword_ptr[Steps + 4], ebx);
            });
            k.User(a =>
            {
                a.mov(ebx, __dword_ptr[Steps + 4]);
                a.Done();
            });
        });
        Injection[] injections = [Injection.Interrupt(100, 1)];

        EngineRun bare = Run(new BareEngine(), guest, injections);
        EngineRun run = Run(new ParavirtEngine(), guest, injections);

        run.Final.Ebx.Should().Be(arrived);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
    }

    /// <summary>What the hypercall does, on the bare machine.</summary>
    private static void UpdateDescriptors(GuestKernel k) => k.OnInterrupt(ParavirtInterface.Vector, a =>
    {
        a.mov(__dword_ptr[ebx], ecx);
        a.mov(__dword_ptr[ebx + 4], edx);
        a.iretd();
    });

    private static void UpdateDescriptor(GuestAssembler a, ushort selector, Descriptor descriptor)
    {
        a.mov(eax, (uint)Hypercall.UpdateDescriptor);
        a.mov(ebx, GuestLayout.Gdt + selector);
        a.mov(ecx, (uint)descriptor.Raw);
        a.mov(edx, (uint)(descriptor.Raw >> 32));
        a.@int(ParavirtInterface.Vector);
    }

    private static EngineRun Run(IEngine engine, GuestImage guest, params IReadOnlyList<Injection> injections)
    {
        EngineRun run = GuestRunner.Run(Requests.For(engine, guest) with { Devices = new GuestDevices { Injections = injections } });
        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        return run;
    }
}
