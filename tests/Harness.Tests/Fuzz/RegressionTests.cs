using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Tests.Machine;
using NUnit.Framework;

namespace Harness.Tests.Fuzz;

/// <summary>What fuzzing has found, reduced to the few instructions that it takes.</summary>
public sealed class RegressionTests
{
    /// <summary>More than a chain may be away from its end, so that instructions do not run alone.</summary>
    private const long Ticks = 1000;

    /// <summary>No memory: reads give all ones, and whatever touches it runs alone.</summary>
    private const uint Nowhere = 0x200000;

    /// <summary>SDM Vol. 3A, 7.3: the descriptors of the new task are loaded after the switch is committed, one of them from where an instruction must run alone.</summary>
    [Test]
    public void A_task_switch_that_has_to_run_alone_is_made_once()
    {
        using var guest = new ProcessorGuest();
        guest.Put32(0x3008, 0x0000FFFF, 0x00CF9B00, 0x0000FFFF, 0x00CF9300, 0x50000067, 0x00008B00, 0x60000067, 0x00008900, 0x000000FF, 0x00008200 | Nowhere >> 16);
        guest.Processor.State.Gdtr = new DescriptorTableRegister { Base = 0x3000, Limit = 0x2F };
        guest.Processor.Segment(SegmentName.TR).Set(0x18, 0x5000, 0x67, AccessRights.P | SystemType.BusyTss32);

        // EIP and EFLAGS; ESP; ES to GS, DS from the LDT; LDTR.
        guest.Put32(0x6020, 0x9000, Eflags.Fixed);
        guest.Put32(0x6038, 0x70000);
        guest.Put32(0x6048, 0x10, 0x08, 0x10, 0x0C, 0x10, 0x10, 0x28, 0x680000);

        // jmp 20h:0; in the new task, jmp to itself
        guest.Put(ProcessorGuest.CodeAt, 0xEA, 0, 0, 0, 0, 0x20, 0);
        guest.Put(0x9000, 0xEB, 0xFE);
        guest.Run(Ticks).Should().Be(RunExit.Limit);
        guest.Processor.State.Eip.Should().Be(0x9000);
        SegmentRegister data = guest.Processor.Segment(SegmentName.DS);
        data.Selector.Should().Be(0x0C);
        data.IsUsable.Should().BeTrue();
        data.Base.Should().Be(uint.MaxValue);
    }

    /// <summary>SDM Vol. 3A, 4.10.2.3: a cached translation may be used until it is invalidated; whether an instruction runs in a chain must not decide.</summary>
    [Test]
    public void An_instruction_that_has_to_run_alone_finds_the_translations_that_it_began_with()
    {
        using var guest = new ProcessorGuest();
        guest.TurnPagingOn();
        guest.Put32(0x3010, 0x0000FFFF, 0x00CF9200);
        guest.Processor.State.Gdtr = new DescriptorTableRegister { Base = 0x3000, Limit = 0x1F };

        // mov eax, [3010h] caches the page; mov dword [200Ch], 200007h maps it to nowhere; mov ds, cx reads by the cached translation, and walks to write.
        guest.Put(ProcessorGuest.CodeAt, 0xA1, 0x10, 0x30, 0, 0, 0xC7, 0x05, 0x0C, 0x20, 0, 0, 0x07, 0, 0x20, 0, 0x8E, 0xD9, 0xEB, 0xFE);
        guest.Processor.Register(1) = 0x10;
        guest.Run(Ticks).Should().Be(RunExit.Limit);
        SegmentRegister data = guest.Processor.Segment(SegmentName.DS);
        data.Selector.Should().Be(0x10);
        data.Base.Should().Be(0);
    }

    /// <summary>An instruction has been fetched before its operand is translated: the accessed bit that this sets in its own bytes comes too late for it.</summary>
    [Test]
    public void An_instruction_that_has_to_run_alone_is_the_one_that_was_fetched()
    {
        using var guest = new ProcessorGuest();
        guest.TurnPagingOn();

        // imul eax, [200000h], 200007h; jmp to itself. The immediate is the page-table entry of 200000h.
        guest.Put(0x27FA, 0x69, 0x05, 0, 0, 0x20, 0, 0x07, 0, 0x20, 0, 0xEB, 0xFE);
        guest.Processor.State.Eip = 0x27FA;
        guest.Run(Ticks).Should().Be(RunExit.Limit);
        guest.Processor.Register(0).Should().Be(unchecked((uint)-0x200007));
        byte[] entry = new byte[4];
        guest.Memory.Read(new PhysicalAddress(0x2800), entry);
        entry.Should().Equal(0x27, 0, 0x20, 0);
    }

    /// <summary>SDM Vol. 3A, 6.15, Interrupt 17: EFLAGS.AC decides at each access, whoever has written it.</summary>
    [Test]
    public void Flags_that_a_monitor_writes_decide_about_alignment_at_once()
    {
        using var guest = new ProcessorGuest();
        guest.Processor.State.System.Cr0 |= Cr0.AM;
        guest.Processor.State.Cpl = 3;
        guest.Processor.Flags = Eflags.Fixed | Eflags.AC;
        guest.Processor.StateChanged();

        // mov eax, [9001h]
        guest.Put(ProcessorGuest.CodeAt, 0xA1, 0x01, 0x90, 0, 0);
        guest.Processor.Flags = Eflags.Fixed;
        _ = guest.Processor.Run(1);
        guest.Processor.State.Eip.Should().Be(ProcessorGuest.CodeAt + 5);

        guest.Processor.State.Eip = ProcessorGuest.CodeAt;
        guest.Processor.Flags = Eflags.Fixed | Eflags.AC;
        _ = guest.Processor.Run(2);
        guest.Processor.State.Eip.Should().Be(ProcessorGuest.CodeAt);
    }

    /// <summary>SDM Vol. 3A, Table 9-1.</summary>
    [Test]
    public void Reset_ends_what_was_written_to_the_time_stamp_counter()
    {
        using var guest = new ProcessorGuest();
        guest.Processor.TryWriteMsr(Msr.IA32_TIME_STAMP_COUNTER, 1ul << 40).Should().BeTrue();
        guest.Processor.Reset();
        guest.Processor.TimeStamp.Should().Be((ulong)guest.Processor.Ticks);
    }
}
