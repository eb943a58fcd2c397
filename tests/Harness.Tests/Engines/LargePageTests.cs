using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Tests.Engines.LargePageGuest;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Large pages of the guest under large entries of the shadow: how many, when they are split, and that nothing is missed in them.</summary>
internal sealed class LargePageTests
{
    /// <summary>Writes to each page of the large ones.</summary>
    private static GuestImage Touching(GuestPaging paging) => Image(paging, (a, _) =>
    {
        a.mov(esi, Large);
        a.mov(ecx, LargeBytes / 0x1000);
        GuestLabel next = a.Here("next");
        a.not(__dword_ptr[esi]);
        a.add(esi, 0x1000);
        a.loop(next);
    });

    [Test]
    public void One_fault_for_each_large_entry_in_the_place_of_one_for_each_page(
        [ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values] bool pae, [Values("off", "on")] string large)
    {
        (EngineRun bare, EngineRun run) = Run(engine, Touching(pae ? GuestPaging.Pae : GuestPaging.Paging32), large);

        ShouldMatch(run, bare);

        // The shadow of this processor has the format of PAE paging, with entries of 2 MiB.
        Fills(run, "not").Should().Be(large == "on" ? 4 : 2048);
    }

    [Test]
    public void A_processor_without_PAE_has_entries_of_4_MiB([Values("trap013", "trap033", "hybrid", "translate")] string engine)
    {
        (EngineRun bare, EngineRun run) = Run(engine, Touching(GuestPaging.Paging32), model: "pentium");

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(2);
    }

    /// <summary>
    /// A page in a large page becomes a page table, and is written through the large page. Loading CR3 drops no shadow that is kept: only the trace tells the monitor.
    /// </summary>
    [Test]
    public void A_page_table_in_a_large_page_is_not_written_unnoticed([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values] bool pae, [Values("yonah", "pentium")] string model)
    {
        Assume.That(model == "yonah" || (!pae && engine != "vtx"));
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        int size = pae ? 8 : 4;
        GuestImage image = Image(pae ? GuestPaging.Pae : GuestPaging.Paging32, (a, tables) =>
        {
            a.mov(__dword_ptr[0xE800], 0x1111);
            a.mov(__dword_ptr[0xF800], 0x2222);
            a.mov(__dword_ptr[Table], 0xE007);
            a.mov(__dword_ptr[tables.DirectoryEntryAddress(Mapped)], Table | 7);
            a.mov(ebx, __[Mapped + 0x800]);
            a.mov(edx, __[Table + 0x1000]);
            a.mov(__dword_ptr[Table], 0xF007);
            Call(a, ReloadCr3);
            a.mov(edi, __[Mapped + 0x800]);
            a.mov(__dword_ptr[Table + (uint)size], 0xE007);
            a.mov(ebp, __[Mapped + 0x1800]);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image, model: model);

        (bare.Final.Ebx, bare.Final.Edi, bare.Final.Ebp).Should().Be((0x1111, 0x2222, 0x1111));
        ShouldMatch(run, bare);
        run.Ledger.All.Should().Contain(e => e.Reason == "trace" && e.Cpl == 3);
    }

    /// <summary>The other way round: the page is a page table before anything else in the large page is touched.</summary>
    [Test]
    public void A_large_page_with_a_page_table_in_it_has_small_entries([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values] bool pae)
    {
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        GuestImage image = Image(pae ? GuestPaging.Pae : GuestPaging.Paging32, (a, tables) =>
        {
            a.mov(__dword_ptr[tables.DirectoryEntryAddress(Mapped)], Table | 7);
            a.mov(ebx, __[Mapped]);
            a.not(__dword_ptr[Large]);
            a.not(__dword_ptr[Large + 0x1000]);
            a.mov(__dword_ptr[0xE000], 0x1111);
            a.mov(__dword_ptr[0xF000], 0x2222);
            a.mov(__dword_ptr[Table], 0xF007);
            Call(a, ReloadCr3);
            a.mov(edi, __[Mapped]);
            a.Done();
            a.Org(Table);
            a.Dd(0xE007u);
            a.Dd(0u);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        bare.Final.Edi.Should().Be(0x2222);
        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(2);
        run.Ledger.All.Should().Contain(e => e.Reason == "trace" && e.Cpl == 3);
    }

    /// <summary>A translator traces what it has copied: code of the kernel in a large page is not rewritten unnoticed.</summary>
    [Test]
    public void Kernel_code_in_a_large_page_is_not_rewritten_unnoticed([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine)
    {
        GuestImage image = Image(GuestPaging.Pae, (a, _) =>
        {
            a.not(__dword_ptr[Large]);
            Call(a, CallKernelCode);
            a.mov(ebx, eax);
            a.inc(__byte_ptr[Routine + 1]);
            Call(a, CallKernelCode);
            a.Done();
            a.Org(Routine);
            a.mov(eax, 0x1234);
            a.ret();
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        (bare.Final.Ebx, bare.Final.Eax).Should().Be((0x1234, 0x1235));
        ShouldMatch(run, bare);
        run.Ledger.All.Count(e => e.Reason == "trace" && e.Cpl == 3).Should().Be(engine == "translate" ? 1 : 0);
    }

    /// <summary>What is split keeps what was mapped: no page but the traced one faults again.</summary>
    [Test]
    public void A_split_costs_no_fault_of_another_page([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine)
    {
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        GuestImage image = Image(GuestPaging.Paging32, (a, tables) =>
        {
            a.mov(__dword_ptr[Table], 0xE007);
            a.mov(__dword_ptr[tables.DirectoryEntryAddress(Mapped)], Table | 7);
            a.mov(ebx, __[Mapped]);
            a.mov(esi, Large);
            a.mov(ecx, 512);
            GuestLabel next = a.Here("next");
            a.not(__dword_ptr[esi + 8]);
            a.add(esi, 0x1000);
            a.loop(next);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(0);
        Count(run, EngineEventKind.Trap, "trace", "not").Should().Be(engine == "vtx" ? 0 : 1);
    }

    /// <summary>A large page that was only read is mapped read-only, split or not: the first write sets the dirty bit of its entry.</summary>
    [Test]
    public void The_first_write_sets_the_dirty_bit([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values] bool split, [Values] bool pae)
    {
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        GuestImage image = Image(pae ? GuestPaging.Pae : GuestPaging.Paging32, (a, tables) =>
        {
            a.mov(__dword_ptr[Table], 0xE007);
            Call(a, ClearBits);
            a.mov(ebx, __[Large]);
            if (split)
            {
                a.mov(__dword_ptr[tables.DirectoryEntryAddress(Mapped)], Table | 7);
                a.mov(ebx, __[Mapped]);
            }

            foreach (bool write in new[] { false, true })
            {
                if (write)
                {
                    a.not(__dword_ptr[Large + 0x7000]);
                }

                Call(a, ReadEntry);
                a.mov(__[Result + (write ? 4u : 0)], eax);
            }
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        const uint Bits = PageEntry.A | PageEntry.D;
        (Doubleword(bare, Result) & Bits, Doubleword(bare, Result + 4) & Bits).Should().Be((PageEntry.A, Bits));
        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(1);
    }

    /// <summary>Kept shadows do not look at loads of CR3: the write to the guest's entry is what drops the large one.</summary>
    [Test]
    public void A_large_entry_goes_when_the_guests_goes([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values] bool pae)
    {
        GuestImage image = Image(pae ? GuestPaging.Pae : GuestPaging.Paging32, (a, tables) =>
        {
            a.not(__dword_ptr[Large]);
            a.mov(__dword_ptr[tables.DirectoryEntryAddress(Large)], 0);
            Call(a, ReloadCr3);
            a.not(__dword_ptr[Large + 0x3000]);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        Doubleword(bare, Result + 0x100).Should().Be(1, "of the page fault");
        Doubleword(bare, Large + 0x3000).Should().Be(0);
        ShouldMatch(run, bare);
    }

    [Test]
    public void INVLPG_anywhere_in_it_drops_a_large_entry([Values("trap013", "trap033", "translate", "vtx")] string engine)
    {
        GuestImage image = Image(GuestPaging.Pae, (a, _) =>
        {
            a.nop();
            a.not(__dword_ptr[Large]);
            a.mov(esi, Large + 0x100000);
            Call(a, Invalidate);
            a.not(__dword_ptr[Large + 0x3000]);
            a.not(__dword_ptr[Large + 0x4000]);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(2);
    }

    /// <summary>
    /// One large frame is mapped at more places than there is room for tables, and all of them are to be split at once: the last table is left for the page that is
    /// being filled, and no table lies where the guest's memory begins.
    /// </summary>
    [Test]
    public void Splits_take_no_more_tables_than_there_are([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values("virtual-tlb", "cached")] string paging)
    {
        const uint First = 0x01000000;
        const int Places = 2028;
        const uint Table = Large + 0x5000;
        const uint Mapped = 0xFF800000;
        GuestImage image = Image(GuestPaging.Pae, (a, tables) =>
        {
            for (uint i = 0; i < Places; i++)
            {
                tables.MapLarge(First + (i << 21), Large, 1 << 21, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
            }

            a.mov(__dword_ptr[Table], 0xE007);
            a.mov(__dword_ptr[tables.DirectoryEntryAddress(Mapped)], Table | 7);
            a.mov(edi, First);
            a.mov(ecx, Places);
            GuestLabel next = a.Here("next");
            a.not(__dword_ptr[edi]);
            a.add(edi, 0x200000);
            a.loop(next);
            a.mov(ebx, __[Mapped]);
            a.mov(__dword_ptr[First + 0x5000], 0xF007);
            Call(a, ReloadCr3);
            a.mov(ebx, __[Mapped]);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image, paging: paging);

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(Places);
    }

    /// <summary>More address spaces than there is room for, with a large page that is elsewhere in the later ones.</summary>
    [Test]
    public void A_large_entry_goes_with_its_address_space([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine, [Values("virtual-tlb", "cached")] string paging)
    {
        const uint Directories = 0x50000;
        const uint Window = 0x10000000;
        const uint Count = 20;
        GuestImage image = Image(GuestPaging.Paging32, (a, tables) =>
        {
            a.mov(__dword_ptr[Large], 0x10000);
            a.mov(__dword_ptr[Large + 0x400000], 1);
            a.cld();
            for (uint i = 0; i < Count; i++)
            {
                a.mov(esi, tables.Directory);
                a.mov(edi, Directories + i * 0x1000);
                a.mov(ecx, 1024);
                a.rep.movsd();
                a.mov(__dword_ptr[Directories + i * 0x1000 + (Window >> 22) * 4], (i < Count / 2 ? Large : Large + 0x400000) | PageEntry.PS | 7);
            }

            a.mov(ebx, 0);
            for (uint i = 0; i < Count; i++)
            {
                a.mov(esi, Directories + i * 0x1000);
                Call(a, LoadCr3);
                a.nop();
                a.add(ebx, __[Window]);
            }
        });
        (EngineRun bare, EngineRun run) = Run(engine, image, paging: paging);

        bare.Final.Ebx.Should().Be(Count / 2 * 0x10001);
        ShouldMatch(run, bare);
        Fills(run, "add").Should().Be((int)Count);
    }

    /// <summary>The entry of the guest has room for a large one again as soon as none of its small ones is there.</summary>
    [Test]
    public void What_was_split_can_be_large_again([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine)
    {
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        GuestImage image = Image(GuestPaging.Pae, (a, tables) =>
        {
            uint entry = tables.DirectoryEntryAddress(Mapped);
            a.mov(__dword_ptr[Table], 0xE007);
            a.mov(__dword_ptr[entry], Table | 7);
            a.mov(ebx, __[Mapped]);
            a.mov(__dword_ptr[entry], 0);
            Call(a, ClearBits);
            a.not(__dword_ptr[Large]);
            a.not(__dword_ptr[Large + 0x100000]);
            a.not(__dword_ptr[Table]);
        });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(1);
    }

    /// <summary>The table that a split took comes back with the large entry: a translator has room for the fewest.</summary>
    [Test]
    public void Tables_of_split_entries_come_back()
    {
        const int Times = 800;
        const uint Table = Large + 0x5000;
        const uint Mapped = 0x10000000;
        GuestImage image = Image(GuestPaging.Pae, (a, tables) =>
        {
            uint entry = tables.DirectoryEntryAddress(Mapped);
            a.mov(__dword_ptr[Table], 0xE007);
            a.mov(ecx, Times);
            GuestLabel next = a.Here("next");
            a.mov(__dword_ptr[entry], Table | 7);
            a.mov(ebx, __[Mapped]);
            a.or(__dword_ptr[Large + 0x9000], 1);
            a.mov(__dword_ptr[entry], 0);
            Call(a, ClearBits);
            a.not(__dword_ptr[Large]);
            a.dec(ecx);
            a.jne(next);
        });
        (EngineRun bare, EngineRun run) = Run("translate", image);

        ShouldMatch(run, bare);
        Fills(run, "not").Should().Be(Times);
        Fills(run, "or").Should().Be(0, "there is always a table to split by");
    }

    /// <summary>The first 4 MiB of a PC by one entry of the guest: video memory, a ROM, the guest's own tables, and RAM.</summary>
    [Test]
    public void A_device_and_a_hole_are_never_part_of_a_large_entry([ValueSource(typeof(LargePageGuest), nameof(Engines))] string engine)
    {
        GuestImage image = Guest.Kernel(
            new GuestOptions { MemoryBytes = 8 << 20 },
            k =>
            {
                var tables = new PageTables(GuestPaging.Paging32, Tables);
                tables.MapLarge(0, 0, Large, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
                k.Boot(a =>
                {
                    a.mov(eax, Cr4.PSE);
                    a.mov(cr4, eax);
                    a.mov(eax, tables.Directory);
                    a.mov(cr3, eax);
                    a.mov(eax, cr0);
                    a.or(eax, Cr0.PG);
                    a.mov(cr0, eax);
                });
                k.User(a =>
                {
                    a.mov(__byte_ptr[0xB8000], (byte)'A');
                    a.mov(al, __byte_ptr[0xB8000]);
                    a.mov(__dword_ptr[0x8800], 7);
                    a.mov(__dword_ptr[0xF0000], 7);
                    a.mov(ebx, __[0xF0000]);
                    a.mov(__dword_ptr[0x300000], 7);
                    a.Done();
                    tables.Emit(a);
                });
            });
        (EngineRun bare, EngineRun run) = Run(engine, image);

        bare.End.Should().Be(GuestEnd.Done);
        ShouldMatch(run, bare);
        run.Ledger.All.Should().Contain(e => e.Reason == "mmio");
    }
}
