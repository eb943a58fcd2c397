using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Scenarios;

/// <summary>Built guests, run on the machine.</summary>
internal sealed class GuestKernelTests
{
    [Test]
    public void Ring_0_sets_IF_by_POPF()
    {
        using var run = new GuestRun(Guest.Protected32(a =>
        {
            a.push(Flags.IF | Flags.Fixed);
            a.popfd();
            a.pushfd();
            a.pop(eax);
            a.Done();
        }));

        run.Value.Should().Be(2);
        ((Flags)run.Eax).Should().HaveFlag(Flags.IF);
    }

    [Test]
    public void An_unhandled_exception_is_reported()
    {
        using var run = new GuestRun(Guest.Protected32(a => a.ud2()));

        run.Value.Should().Be((int)Guest.UnhandledInterrupt + (int)Vector.UD);
    }

    [Test]
    public void Real_mode_starts_at_the_boot_sector()
    {
        using var run = new GuestRun(Guest.Real16(a =>
        {
            var after = a.CreateLabel("after");
            var text = a.CreateLabel("text");
            a.jmp(after);
            GuestLabel putChar = a.EmitPutChar();
            GuestLabel putString = a.EmitPutString(putChar);
            a.Label(text);
            a.Asciz("real");
            a.Label(after);
            a.mov(si, text);
            a.call(putString);
            a.mov(al, (byte)7);
            a.Done();
        }));

        run.Value.Should().Be(7);
        run.Console.Should().Be("real");
    }

    [Test]
    public void A_guest_switches_from_real_to_protected_mode()
    {
        using var run = new GuestRun(Guest.Real16(a =>
        {
            var gdt = a.CreateLabel("gdt");
            var pseudo = a.CreateLabel("pseudo");
            var entry = a.CreateLabel("entry");
            a.lgdt(__[pseudo]);
            a.mov(eax, cr0);
            a.or(al, 1);
            a.mov(cr0, eax);
            a.JmpFar16(8, entry);
            a.Bits32(b =>
            {
                b.Label(entry);
                b.mov(ebx, 0x12345678);
                b.mov(eax, 3);
                b.Done();
            });
            a.Align(8);
            a.Label(gdt);
            a.Dq(0);
            a.Descriptor(Descriptor.Segment(0, uint.MaxValue, 0x409A));
            a.Label(pseudo);
            a.PseudoDescriptor(15, gdt);
        }));

        run.Value.Should().Be(3);
        run.Ebx.Should().Be(0x12345678);
    }

    [TestCase(GuestPaging.None)]
    [TestCase(GuestPaging.Paging32)]
    [TestCase(GuestPaging.Pae)]
    public void A_program_in_ring_3_calls_and_ends_the_run(GuestPaging paging)
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
            k.User(u =>
            {
                u.mov(eax, 1);
                u.mov(ebx, 21);
                u.@int(0x80);
                k.Print(u, "user\n");
                u.mov(ebx, cs);
                u.mov(al, (byte)42);
            });
        }));

        run.Value.Should().Be(42);
        run.Console.Should().Be("user\n");
        run.Ebx.Should().Be(Selectors.Code3);
        run.Cpl.Should().Be(3);
        (run.Cr0Value >> 31).Should().Be(paging == GuestPaging.None ? 0u : 1);
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void An_outer_ring_faults_and_the_handler_sees_it(int ring)
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a =>
            {
                a.pop(eax);
                a.mov(ebx, __dword_ptr[esp + 4]);
                a.Done();
            });
            k.Ring(ring, u => u.hlt());
        }));

        run.Eax.Should().Be(0);
        run.Ebx.Should().Be(Selectors.Code(ring));
    }

    [Test]
    public void A_script_may_handle_INT_80h_itself_and_return_by_IRETD()
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.OnInterrupt(0x80, a =>
            {
                a.inc(ebx);
                a.iretd();
            });
            k.User(u =>
            {
                u.mov(ebx, 1);
                u.@int(0x80);
                u.@int(0x80);
            });
        }));

        run.Ebx.Should().Be(3);
        run.Cpl.Should().Be(3);
    }

    [Test]
    public void Small_pages_in_a_large_one_and_halves_of_large_pages_are_refused()
    {
        var tables = new PageTables(GuestPaging.Paging32, 0x20000);
        tables.MapLarge(0x400000, 0, 0x400000, PageRights.Write);

        tables.DirectoryEntryAddress(0x400000).Should().Be(0x20004);
        new Action(() => tables.Map(0x401000, 0, 0x1000, PageRights.Write)).Should().Throw<GuestBuildException>().WithMessage("*large page is mapped already*");
        new Action(() => tables.MapLarge(0x400000, 0x200000, 0x400000, PageRights.Write)).Should().Throw<GuestBuildException>().WithMessage("*multiples of 400000h*");
    }

    [Test]
    public void A_ring_0_guest_makes_its_own_page_tables()
    {
        var tables = new PageTables(GuestPaging.Pae, 0x20000);
        tables.Map(0, 0, 0x100000, PageRights.Write);
        tables.Map(0x80000000, 0x30000, 0x1000, PageRights.Write);
        using var run = new GuestRun(Guest.Protected32(new GuestOptions { Cr4 = Cr4.PAE }, a =>
        {
            a.mov(eax, tables.Directory);
            a.mov(cr3, eax);
            a.mov(eax, cr0);
            a.or(eax, Cr0.PG);
            a.mov(cr0, eax);
            a.mov(__dword_ptr[0x80000004], 0x1234);
            a.Done();
            tables.Emit(a);
        }));

        run.Doubleword(0x30004).Should().Be(0x1234);
    }

    [Test]
    public void A_user_program_cannot_touch_the_kernel()
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.User(u => u.mov(eax, __dword_ptr[GuestLayout.Code]));
        }));

        run.Value.Should().Be((int)Guest.UnhandledInterrupt + (int)Vector.PF);
    }

    [Test]
    public void Processes_with_their_own_page_directories_take_turns()
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            foreach (string letter in (string[])["a", "b"])
            {
                k.User(u =>
                {
                    for (int i = 0; i < 3; i++)
                    {
                        k.Print(u, letter);
                        k.Yield(u);
                    }
                });
            }
        }));

        run.Exit.Should().Be(RunExit.Stopped);
        run.Console.Should().Be("ababab");
    }

    [TestCase(GuestPaging.None)]
    [TestCase(GuestPaging.Pae)]
    public void The_timer_switches_processes(GuestPaging paging)
    {
        using var run = new GuestRun(Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.Timer(100_000, k.Switch);
            foreach (string letter in (string[])["a", "b"])
            {
                k.User(u =>
                {
                    k.Print(u, letter);
                    u.mov(ecx, 50_000);
                    GuestLabel loop = u.Here("loop");
                    u.dec(ecx);
                    u.jne(loop);
                    k.Print(u, letter.ToUpperInvariant());
                });
            }
        }));

        run.Console.Should().Be("abAB");
    }

    [Test]
    public void Boot_code_reads_a_key()
    {
        using var run = new GuestRun(
            Guest.Kernel(k => k.Boot(a =>
            {
                k.ReadKey(a);
                k.Print(a, "key");
            })),
            [new TimedInput(1000, KeyboardText.ToScanCodes("x"))]);

        run.Console.Should().Be("key");
        run.Eax.Should().Be(0x2D);
    }
}
