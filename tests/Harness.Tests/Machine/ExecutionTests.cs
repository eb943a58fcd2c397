using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using NUnit.Framework;

namespace Harness.Tests.Machine;

public sealed class ExecutionTests
{
    /// <summary>What looks at memory passes over pages that nobody can have written to.</summary>
    [TestCase("store", "A300500000")]
    [TestCase("load, then store", "8B1500500000A300500000")]
    [TestCase("update", "010500500000")]
    [TestCase("store over two pages", "A3FE4F0000")]
    [TestCase("push", "BC0460000050")]
    public void A_page_that_is_written_to_is_no_longer_untouched(string how, string code)
    {
        using var guest = new ProcessorGuest();
        guest.Put(ProcessorGuest.CodeAt, Convert.FromHexString(code));
        guest.Processor.Register(0) = 0x01010101;
        int page = how == "push" ? 6 : 5;
        guest.Memory.Ram.IsUntouched(page).Should().BeTrue();

        guest.Run(how is "load, then store" or "push" ? 2 : 1);

        guest.Memory.Ram.IsUntouched(page).Should().BeFalse();
        guest.Memory.Ram.Read(page * Ram.PageSize, Ram.PageSize).ContainsAnyExcept((byte)0).Should().BeTrue();
    }

    [Test]
    public void Running_allocates_nothing()
    {
        using var guest = new ProcessorGuest();

        // mov [70100h], eax; add eax, ecx; push eax; pop ecx; cmp eax, ecx; jmp to the start
        guest.Put(ProcessorGuest.CodeAt, 0xA3, 0x00, 0x01, 0x07, 0x00, 0x01, 0xC8, 0x50, 0x59, 0x39, 0xC8, 0xEB, 0xF3);
        guest.Run(10_000).Should().Be(RunExit.Limit);

        // Instructions near a limit run alone and are decoded for it once; every phase of the loop has been near one then.
        for (int phase = 0; phase < 12; phase++)
        {
            guest.Processor.Run(guest.Processor.Ticks + 100 + phase);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        guest.Processor.Run(guest.Processor.Ticks + 1_000_000);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Test]
    public void An_alignment_check_in_its_own_delivery_ends_at_the_limit()
    {
        using var guest = new ProcessorGuest();

        // CPL 3, an interrupt gate to ring-3 code and a misaligned stack: the frame raises #AC again.
        guest.Put(ProcessorGuest.CodeAt, 0x50);
        guest.Put32(0x3008, 0x0000FFFF, 0x00CFFB00);
        guest.Put32(0x4000 + 17 * 8, 0x00088000, 0x0000EE00);
        ref CpuState state = ref guest.Processor.State;
        state.Gdtr = new DescriptorTableRegister { Base = 0x3000, Limit = 0x1F };
        state.Idtr = new DescriptorTableRegister { Base = 0x4000, Limit = 0x7FF };
        state.Cpl = 3;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            guest.Processor.LoadFlat(name, (ushort)(name == SegmentName.CS ? 0xB : 0x13), AccessRights.DplMask | (name == SegmentName.CS ? AccessRights.Code : 0));
        }

        state.System.Cr0 |= Cr0.AM;
        guest.Processor.Register(4) = 0x70001;
        guest.Processor.Flags = Eflags.Fixed | Eflags.AC;
        guest.Run(50).Should().Be(RunExit.Limit);
        guest.Processor.State.Eip.Should().Be(ProcessorGuest.CodeAt);
    }

    [Test]
    public void An_instruction_whose_second_page_goes_faults_there()
    {
        using var guest = new ProcessorGuest();
        guest.TurnPagingOn();

        // mov eax, 1 across two pages, executed once; then its second page is not present.
        guest.Put(0x8FFD, 0xB8, 1, 0, 0, 0);
        guest.Processor.State.Eip = 0x8FFD;
        guest.Run(1);
        guest.Processor.Register(0).Should().Be(1);
        guest.Put32(0x2000 + 9 * 4, 0);
        guest.Processor.State.Eip = 0x8FFD;
        guest.Run(1);
        guest.Processor.State.System.Cr2.Should().Be(0x9000);
    }

    [Test]
    public void A_translation_holds_until_it_is_invalidated_whoever_observes([Values] bool observed)
    {
        using var guest = new ProcessorGuest();
        guest.TurnPagingOn();

        // mov [50000h], eax; mov dword [2000h + 50h * 4], 0; mov [50000h], ecx
        guest.Put(ProcessorGuest.CodeAt, 0xA3, 0, 0, 5, 0, 0xC7, 0x05, 0x40, 0x21, 0, 0, 0, 0, 0, 0, 0x89, 0x0D, 0, 0, 5, 0);
        guest.Processor.Register(1) = 0x1234;
        guest.Processor.Observer = observed ? new Nobody() : null;
        guest.Run(3);
        Span<byte> stored = stackalloc byte[2];
        guest.Memory.Read(new PhysicalAddress(0x50000), stored);
        stored.ToArray().Should().Equal(0x34, 0x12);
    }

    [Test]
    public void A_repeated_store_that_overwrites_itself_is_fetched_anew([Values] bool observed)
    {
        using var guest = new ProcessorGuest();

        // rep stosb with AL = 90h, from one byte before the instruction on: its second iteration finds NOP, NOP.
        guest.Put(ProcessorGuest.CodeAt, 0xF3, 0xAA);
        guest.Processor.Register(0) = 0x90;
        guest.Processor.Register(1) = 10;
        guest.Processor.Register(7) = ProcessorGuest.CodeAt;
        guest.Processor.Observer = observed ? new Nobody() : null;
        guest.Run(200);
        guest.Processor.Register(1).Should().BeLessThan(10).And.BeGreaterThan(7);
    }

    private sealed class Nobody : IExecutionObserver
    {
        public void Retired(in Iced.Intel.Instruction instruction)
        {
        }

        public void Stored(PhysicalAddress address, int size, ulong value)
        {
        }

        public void PortAccess(ushort port, int size, uint value, bool write)
        {
        }
    }
}
