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
    public void The_balloon_takes_no_table(uint page)
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
