using FluentAssertions;
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

/// <summary>What a kernel that was built against hypercalls, or an accident, can do to the tables that the monitor has checked.</summary>
internal sealed class ParavirtProtectionTests
{
    private const ushort GivePort = 0x588;
    private const uint Answer = 0x9800;
    private const uint Directory = GuestLayout.ProcessTables;

    [TestCase(Directory)]
    [TestCase(Directory + 0x1000)]
    [TestCase(GuestLayout.Gdt)]
    [TestCase(GuestLayout.Shared)]
    public void The_balloon_takes_neither_a_table_nor_the_shared_page(uint page)
    {
        GuestImage guest = Kernel(a =>
        {
            a.mov(eax, page >> 12);
            a.mov(edx, GivePort);
            a.@out(dx, eax);
            a.@in(eax, dx);
            a.mov(__dword_ptr[Answer], eax);
        });

        EngineRun run = Run(guest, new GuestDevices { Balloon = true });

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Answer)).Should().Be((uint)BalloonResult.NotMemory);
    }

    [TestCase(Directory, 3)]
    [TestCase(Directory + 0xFFC, 0)]
    [TestCase(Directory + 0x1002, 4)]
    public void A_flipped_bit_in_a_checked_table_ends_the_run_by_name(uint address, int bit)
    {
        GuestImage guest = Kernel(a => a.hlt());

        EngineRun run = Run(guest, new GuestDevices { Injections = [Injection.BitFlip(500, new PhysicalAddress(address), bit), Injection.Nmi(1000)] });

        run.End.Should().Be(GuestEnd.Unsupported);
        run.StopReason.Should().Contain($"{new GuestPhysicalAddress(address & ~0xFFFu)}");
    }

    [Test]
    public void A_batch_of_batches_ends_after_so_much_work()
    {
        // Each pair makes a page a page table and ends that again: 2,048 entries, 1,024 times.
        const uint calls = 0x80000, updates = 0x84000, table = 0x90000, entry = Directory + 2000;
        GuestImage guest = Kernel(a =>
        {
            uint[] call = [(uint)Hypercall.UpdateEntries, updates, 1024, 0];
            Fill(a, updates, 1024, [entry, table | PageEntry.P | PageEntry.RW], [entry, 0]);
            Fill(a, calls, 64, call, call);
            a.mov(eax, (uint)Hypercall.UpdateMapping);
            a.mov(ebx, table);
            a.mov(ecx, table | PageEntry.P);
            a.@int(ParavirtInterface.Vector);
            a.mov(eax, (uint)Hypercall.Multicall);
            a.mov(ebx, calls);
            a.mov(ecx, 64);
            a.@int(ParavirtInterface.Vector);
            a.mov(__dword_ptr[Answer], eax);
        });

        EngineRun run = Run(guest, new GuestDevices());

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        ((int)run.Memory.ReadUInt32(new GuestPhysicalAddress(Answer))).Should().Be(HypercallResult.BadArgument);
    }

    [Test]
    public void A_directory_of_tables_in_descending_order_is_pinned_and_unpinned()
    {
        const uint directory = 0x3FF000, tables = 0x400000, count = 64;
        GuestImage guest = Guest.Kernel(new GuestOptions { MemoryBytes = 16 << 20 }, k => k.Boot(a =>
        {
            a.cld();
            a.mov(edi, tables);
            a.mov(ecx, count * 1024);
            a.mov(eax, 0x900000 | PageEntry.P | PageEntry.RW | PageEntry.US);
            a.rep.stosd();
            a.mov(edi, directory);
            a.mov(eax, tables + (count - 1) * 0x1000 | PageEntry.P | PageEntry.RW | PageEntry.US);
            a.mov(ecx, count);
            GuestLabel entry = a.Here("entry");
            a.stosd();
            a.sub(eax, 0x1000);
            a.loop(entry);
            a.mov(ebx, directory);
            GuestLabel page = a.Here("page");
            a.mov(ecx, ebx);
            a.or(ecx, PageEntry.P);
            a.mov(eax, (uint)Hypercall.UpdateMapping);
            a.@int(ParavirtInterface.Vector);
            a.add(ebx, 0x1000);
            a.cmp(ebx, tables + count * 0x1000);
            a.jne(page);
            a.mov(ebx, directory);
            foreach (Hypercall call in (ReadOnlySpan<Hypercall>)[Hypercall.Pin, Hypercall.Unpin])
            {
                a.mov(eax, (uint)call);
                a.@int(ParavirtInterface.Vector);
                a.mov(__dword_ptr[Answer + (call == Hypercall.Pin ? 0 : 4)], eax);
            }
        }));

        EngineRun run = Run(guest, new GuestDevices());

        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Answer)).Should().Be(HypercallResult.Done);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(Answer + 4)).Should().Be(HypercallResult.Done);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(tables)).Should().Be(0x900000 | PageEntry.P | PageEntry.RW | PageEntry.US);
    }

    private static GuestImage Kernel(Action<GuestAssembler> boot) => Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.OnInterrupt((byte)Vector.NMI, a => a.iretd());
        k.Boot(boot);
        k.User(a => a.Done());
    });

    private static EngineRun Run(GuestImage guest, GuestDevices devices) => GuestRunner.Run(Requests.For(new ParavirtEngine(), guest) with { Devices = devices });

    /// <summary>Has the guest write a table of doublewords: items of two kinds in turn.</summary>
    private static void Fill(GuestAssembler a, uint at, int count, uint[] first, uint[] second)
    {
        var next = a.CreateLabel();
        a.mov(edi, at);
        a.mov(ecx, count / 2);
        a.Label(next);
        foreach (uint value in first.Concat(second))
        {
            a.mov(eax, value);
            a.stosd();
        }

        a.dec(ecx);
        a.jnz(next);
    }
}
