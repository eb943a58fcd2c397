using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;
using Vector = Harness.Isa.Vector;

namespace Harness.Tests.Engines;

/// <summary>Shadow pages, traced tables, devices in memory, and the part of linear space that the monitor takes.</summary>
internal sealed class TrapMemoryTests
{
    private const uint Page = 0x30000;
    private const uint Result = 0x6000;

    /// <summary>Of <see cref="Page"/>, in the tables that the kernel builds.</summary>
    private const uint Entry32 = GuestLayout.ProcessTables + 0x1000 + (Page >> 12) * 4;

    [TestCase("yonah")]
    [TestCase("pentium")]
    [TestCase("i386")]
    public void Faults_protection_accessed_and_dirty_bits_are_those_of_the_bare_machine(string model)
    {
        void Flush(GuestAssembler a)
        {
            if (model == "i386")
            {
                a.mov(eax, cr3);
                a.mov(cr3, eax);
            }
            else
            {
                a.invlpg(__[Page]);
            }
        }

        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Paging = GuestPaging.Paging32;
                k.OnFault(Vector.PF, a =>
                {
                    a.push(eax);
                    a.mov(eax, __[esp + 4]);
                    a.mov(__[ebx], eax);
                    a.mov(eax, cr2);
                    a.mov(__[ebx + 4], eax);
                    a.add(ebx, 8);
                    a.or(__dword_ptr[Entry32], (uint)(PageEntry.P | PageEntry.RW));
                    Flush(a);
                    a.pop(eax);
                    a.add(esp, 4);
                    a.iretd();
                });
                k.Boot(a =>
                {
                    a.mov(ebx, Result);
                    a.and(__dword_ptr[Entry32], ~(uint)PageEntry.P);
                    Flush(a);
                    a.mov(__dword_ptr[Page + 8], 1);

                    // Read-only, and CR0.WP is 0: the kernel may write.
                    a.and(__dword_ptr[Entry32], ~(uint)PageEntry.RW);
                    Flush(a);
                    a.mov(__dword_ptr[Page + 8], 2);
                    a.mov(eax, cr0);
                    a.or(eax, Cr0.WP);
                    a.mov(cr0, eax);
                    a.mov(__dword_ptr[Page + 8], 3);
                    a.and(__dword_ptr[Entry32], ~(uint)(PageEntry.A | PageEntry.D));
                    Flush(a);
                    a.mov(ecx, __[Page]);
                    a.mov(ecx, __[Entry32]);
                    a.mov(__dword_ptr[Page], 4);
                    a.mov(edx, __[Entry32]);
                    a.Done();
                });
            }),
            model);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Lines.Should().Contain("Trap #PF reflected mov").And.Contain("Trap #PF write-protect mov");
        (model == "i386" || run.Lines.Contains("Trap #PF trace and")).Should().BeTrue();
        run.Retired.Direct.Should().BePositive();
    }

    /// <summary>Without CR0.WP no entry lets a kernel fetch from a page and keeps it from writing there.</summary>
    [TestCase("yonah")]
    [TestCase("i386")]
    public void The_kernels_first_write_to_a_page_that_it_runs_in_sets_the_dirty_bit(string model)
    {
        const uint Entry = GuestLayout.ProcessTables + 0x1000 + (GuestLayout.Code >> 12) * 4;
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Paging = GuestPaging.Paging32;
                k.Boot(a =>
                {
                    GuestLabel cell = a.CreateLabel("cell");
                    GuestLabel next = a.CreateLabel("next");
                    a.mov(eax, __[Entry]);
                    a.mov(__[Result], eax);
                    a.mov(edi, cell);
                    a.mov(__dword_ptr[edi], 5);
                    a.mov(eax, __[Entry]);
                    a.mov(__[Result + 4], eax);
                    a.jmp(next);
                    a.Label(cell);
                    a.Dd(0u);
                    a.Label(next);
                    a.inc(edx);
                    a.inc(edx);
                    a.Done();
                });
            }),
            model);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        (run.Doubleword(Result) & PageEntry.D).Should().Be(0);
        (run.Doubleword(Result + 4) & PageEntry.D).Should().Be(PageEntry.D);
    }

    [Test]
    public void Each_page_of_a_guest_is_filled_once()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            for (uint page = 0; page < 4; page++)
            {
                a.inc(__dword_ptr[Page + page * 0x1000]);
                a.inc(__dword_ptr[Page + page * 0x1000]);
            }

            a.Done();
        }));

        run.Differences().Should().BeEmpty();

        // And the page of the code, at its first instruction.
        run.Count("HiddenFault #PF shadow-miss inc").Should().Be(4 + 1);
    }

    [Test]
    public void Video_memory_is_reached_by_emulation()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            a.mov(__word_ptr[0xB8000], 0x0741);
            a.mov(edi, 0xB8002);
            a.mov(ecx, 3);
            a.mov(eax, 0x0742);
            a.rep.stosw();
            a.mov(ebx, __[0xB8000]);
            a.Done();
        }));

        run.Differences().Should().BeEmpty();
        run.Ebx.Should().Be(0x07420741);
        run.Count("Trap #PF mmio stosw").Should().Be(3);
        run.Count("Trap #PF mmio mov").Should().Be(2);
    }

    [Test]
    public void The_monitors_part_of_linear_space_is_the_guests_by_emulation()
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            k.Boot(a =>
            {
                var tables = new PageTables(GuestPaging.Paging32, 0x80000);
                tables.Map(0, 0, 0x100000, Harness.Scenarios.PageRights.Write);
                tables.Map(0xFFC20000, Page, 0x1000, Harness.Scenarios.PageRights.Write);
                a.mov(eax, tables.Directory);
                a.mov(cr3, eax);
                a.mov(eax, cr0);
                a.or(eax, Cr0.PG);
                a.mov(cr0, eax);
                a.mov(__dword_ptr[0xFFC20000], 0x1234);
                a.add(__dword_ptr[0xFFC20000], 1);
                a.mov(ebx, __[Page]);
                a.mov(esp, 0xFFC20100);
                a.push(ebx);
                a.pop(ecx);
                a.Done();
                GuestLabel after = a.CreateLabel("after");
                a.Label(after);
                tables.Emit(a);
            });
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Ebx.Should().Be(0x1235);
        run.Count("Trap #GP compression mov").Should().Be(1);
        run.Count("Trap #GP compression add").Should().Be(1);
        run.Count("Trap #SS compression push").Should().Be(1);
    }

    [Test]
    public void A_new_descriptor_is_seen_by_its_traced_write_and_accessed_by_emulation()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            const uint Entry = GuestLayout.Gdt + (Selectors.Data3 & ~7u);
            a.mov(__word_ptr[Entry], (short)0x0FFF);
            a.mov(__byte_ptr[Entry + 6], 0x40);
            a.mov(__word_ptr[Entry + 2], unchecked((short)Page));
            a.mov(__byte_ptr[Entry + 4], (byte)(Page >> 16));
            a.mov(eax, Selectors.Data3);
            a.mov(fs, eax);
            a.mov(__dword_ptr.fs[4], 7);
            a.mov(ebx, __[Page + 4]);
            a.mov(gs, eax);
            a.Done();
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Should().BeEmpty();
        run.Ebx.Should().Be(7);
        run.Count("Trap #PF trace mov").Should().Be(4);
        run.Count("Trap #NP segment mov").Should().Be(1);
    }

    [Test]
    public void Faults_of_the_guest_reach_its_own_handlers()
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            k.OnFault(Vector.UD, a =>
            {
                a.inc(__dword_ptr[Result]);
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.OnFault(Vector.DE, a =>
            {
                a.inc(__dword_ptr[Result + 4]);
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.OnFault(Vector.GP, a =>
            {
                a.pop(__dword_ptr[Result + 8]);
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.OnFault(Vector.DB, a =>
            {
                a.inc(__dword_ptr[Result + 12]);
                a.and(__dword_ptr[esp + 8], ~(uint)Flags.TF);
                a.iretd();
            });
            k.Boot(a =>
            {
                a.ud2();
                a.xor(ecx, ecx);
                a.div(ecx);
                a.mov(eax, 0x1238);
                a.mov(ds, eax);
                a.push(Flags.TF | Flags.Fixed);
                a.popfd();
                a.nop();
                a.nop();
                a.Done();
            });
        }));

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Differences().Where(d => !d.StartsWith("memory 00007F", StringComparison.Ordinal) && !d.StartsWith("memory 00008F", StringComparison.Ordinal))
            .Should().BeEmpty();
        run.Doubleword(Result).Should().Be(1);
        run.Doubleword(Result + 4).Should().Be(1);
        run.Doubleword(Result + 8).Should().Be(0x1238);
        run.Doubleword(Result + 12).Should().Be(1);
        run.Count("Injection #DB exception").Should().Be(1);
    }

    /// <summary>With kernel and users in ring 3, one shadow leaves the users what the kernel touched; a pair of shadows does not.</summary>
    [TestCase(1, "one", 1u)]
    [TestCase(3, "one", 7u)]
    [TestCase(3, "two", 1u)]
    public void Kernel_memory_in_front_of_a_user(int kernelRing, string shadows, uint secret)
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Paging = GuestPaging.Paging32;
                k.SystemCall(1, a => a.mov(__dword_ptr[Page], 1));
                k.OnFault(Vector.PF, a => a.Done());
                k.User(u =>
                {
                    u.mov(eax, 1);
                    u.@int(GuestKernel.SystemCallVector);
                    u.mov(__dword_ptr[Page], 7);
                });
            }),
            kernelRing: kernelRing,
            shadows: shadows);

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Doubleword(Page).Should().Be(secret);
    }

    [TestCase("ring 1")]
    [TestCase("real mode")]
    public void What_has_no_place_in_the_layout_is_a_named_stop(string what)
    {
        using var run = new TrapRun(Guest.Kernel(k =>
        {
            if (what == "ring 1")
            {
                k.Ring(1, a => a.nop());
            }
            else
            {
                k.Boot(a =>
                {
                    a.mov(eax, cr0);
                    a.and(eax, ~Cr0.PE);
                    a.mov(cr0, eax);
                });
            }
        }));

        run.End.Should().Be(GuestEnd.Unsupported);
        run.StopReason.Should().Contain(what);
    }
}
