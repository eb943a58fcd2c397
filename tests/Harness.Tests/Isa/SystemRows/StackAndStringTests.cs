using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>The stack, strings and I/O ports (SDM Vol. 1, 6.2 and 19.5; Vol. 2, PUSH, POP, ENTER, MOVS, INS).</summary>
internal sealed class StackAndStringTests
{
    private static readonly StringOperands Operands = new(SegmentName.DS, false, false);

    [Test]
    public void Push_esp_pushes_the_old_value_and_pop_esp_keeps_the_popped_one()
    {
        TestMachine machine = TestMachine.Protected();

        machine.Run<Push>(0x54).Should().BeTrue();
        machine.OnStack(0).Should().Be(TestMachine.StackTop);

        machine.Run<Pop>(0x5C).Should().BeTrue();
        machine.Esp.Should().Be(TestMachine.StackTop);
    }

    [Test]
    public void Pop_through_esp_uses_the_incremented_address()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(TestMachine.StackTop, 0x1234u);

        machine.Run<Pop>(0x8F, 0x04, 0x24).Should().BeTrue();

        machine.Get<uint>(TestMachine.StackTop + 4).Should().Be(0x1234);
    }

    [Test]
    public void A_16_bit_stack_wraps_and_keeps_the_upper_half()
    {
        TestMachine machine = TestMachine.Real();
        machine.Esp = 0xABCD0000;

        machine.Run<Push>(0x6A, 0xFF).Should().BeTrue();

        machine.Esp.Should().Be(0xABCDFFFE);
        machine.Get<ushort>(0x8000 + 0xFFFE).Should().Be(0xFFFF);
    }

    [Test]
    public void A_push_across_the_top_of_the_segment_is_a_stack_fault()
    {
        TestMachine machine = TestMachine.Real();
        machine.Esp = 1;

        machine.Run<Push>(0x50).Should().BeFalse();

        machine.Fault.Should().Be((Vector.SS, 0u));
        machine.Esp.Should().Be(1);
    }

    [Test]
    public void Pusha_and_popa_are_inverse_but_for_the_stack_pointer()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = 1;
        machine.Ebp = 5;
        machine.Run<Pushad>(0x60).Should().BeTrue();
        machine.OnStack(3).Should().Be(TestMachine.StackTop);
        machine.Eax = machine.Ebp = 0;
        machine.Set(machine.Esp + 12, 0xBAD);

        machine.Run<Popad>(0x61).Should().BeTrue();

        machine.Eax.Should().Be(1);
        machine.Ebp.Should().Be(5);
        machine.Esp.Should().Be(TestMachine.StackTop);
    }

    [Test]
    public void Enter_copies_the_display_and_probes_the_new_top()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Ebp = 0x7100;
        machine.Set(0x70FC, 0x1111u);

        machine.Run<Enter>(0xC8, 0x10, 0x00, 0x02).Should().BeTrue();

        machine.Ebp.Should().Be(TestMachine.StackTop - 4);
        machine.Esp.Should().Be(TestMachine.StackTop - 12 - 0x10);
        machine.Get<uint>(TestMachine.StackTop - 8).Should().Be(0x1111);
        machine.Get<uint>(TestMachine.StackTop - 12).Should().Be(TestMachine.StackTop - 4);

        machine.Run<Leave>(0xC9).Should().BeTrue();
        machine.Ebp.Should().Be(0x7100);
        machine.Esp.Should().Be(TestMachine.StackTop);

        machine.AbsentPages.Add(6);
        machine.Run<Enter>(0xC8, 0x00, 0x10, 0x00).Should().BeFalse();
        machine.Fault!.Value.Vector.Should().Be(Vector.PF);
        machine.Ebp.Should().Be(0x7100);
    }

    [Test]
    public void Near_calls_and_returns_match_and_stay_within_the_segment()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Run<Call>(0xE8, 0x00, 0x01, 0x00, 0x00).Should().BeTrue();
        machine.Now.Eip.Should().Be(TestMachine.Code + 0x105);
        machine.Run<Ret>(0xC2, 0x08, 0x00).Should().BeTrue();
        machine.Now.Eip.Should().Be(TestMachine.Code + 5);
        machine.Esp.Should().Be(TestMachine.StackTop + 8);

        machine.Segment(SegmentName.CS).Set(TestMachine.Code0, 0, 0x10FFF, TestMachine.CodeRights);
        machine.Run<Call>(0xE8, 0x00, 0x10, 0x00, 0x00).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [Test]
    public void Loop_counts_by_the_address_size()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Ecx = 0x10001;

        machine.Run<Loop>(0xE2, 0x10).Should().BeTrue();
        machine.Now.Eip.Should().Be(TestMachine.Code + 0x12);
        machine.Run<Loop>(0x67, 0xE2, 0x10).Should().BeTrue();
        machine.Ecx.Should().Be(0x1FFFF);
    }

    [Test]
    public void Movs_goes_by_the_direction_flag_and_leaves_the_upper_halves()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Gpr[6] = 0x16000;
        machine.Now.Gpr[7] = 0x17000;
        machine.Now.Flags |= Eflags.DF;
        machine.Set(0x6000, (ushort)0x1234);

        machine.RunString<Movs, ushort>(Operands with { Address16 = true }).Should().BeTrue();

        machine.Get<ushort>(0x7000).Should().Be(0x1234);
        machine.Now.Gpr[6].Should().Be(0x15FFE);
        machine.Now.Gpr[7].Should().Be(0x16FFE);
    }

    [Test]
    public void Cmps_compares_the_source_with_the_destination_and_scas_the_accumulator()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Gpr[6] = 0x6000;
        machine.Now.Gpr[7] = 0x7000;
        machine.Set(0x6000, (byte)1);
        machine.Set(0x7000, (byte)2);

        machine.RunString<Cmps, byte>(Operands).Should().BeTrue();
        machine.Now.Status.CF.Should().BeTrue();

        machine.Eax = 0;
        machine.RunString<Scas, byte>(Operands).Should().BeTrue();
        machine.Now.Status.ZF.Should().BeTrue();
        machine.Now.Gpr[7].Should().Be(0x7002);
    }

    [Test]
    public void Ins_probes_its_destination_and_outs_writes_last()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Edx = 0x60;
        machine.PortInput = 0xAB;
        machine.Now.Gpr[6] = machine.Now.Gpr[7] = 0x6000;
        machine.RunString<Ins, byte>(Operands).Should().BeTrue();
        machine.Get<byte>(0x6000).Should().Be(0xAB);

        machine.RunString<Outs, byte>(Operands).Should().BeTrue();
        machine.Written.Should().Equal((0x60, 1, 0xABu));

        machine.AbsentPages.Add(6);
        machine.RunString<Outs, byte>(Operands).Should().BeFalse();
        machine.Written.Should().HaveCount(1);
    }

    // The bitmap (SDM Vol. 1, 19.5.2): two bytes are always read, so the limit must reach past the last one.
    [TestCase(0x60, 1, 0x00, 0x90, true)]
    [TestCase(0x60, 1, 0x01, 0x90, false)]
    [TestCase(0x60, 2, 0x02, 0x90, false)]
    [TestCase(0x67, 1, 0x7F, 0x90, true)]
    [TestCase(0x60, 1, 0x00, 0x7C, false)]
    [TestCase(0x60, 1, 0x00, 0x7D, true)]
    public void Ports_beyond_iopl_need_the_bitmap(int number, int size, int bits, int limit, bool allowed)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Set(TestMachine.Tss + 0x66, (ushort)0x70);
        machine.Set(TestMachine.Tss + 0x70 + 0xC, (byte)bits);
        machine.Segment(SegmentName.TR).Limit = (uint)limit;
        machine.Edx = (uint)number;

        bool done = size == 1 ? machine.Run<Out>(0xEE) : machine.Run<Out>(0x66, 0xEF);

        done.Should().Be(allowed);
        machine.Written.Should().HaveCount(allowed ? 1 : 0);
        machine.Fault.Should().Be(allowed ? null : (Vector.GP, 0u));
    }

    [Test]
    public void Virtual_8086_mode_asks_the_bitmap_even_at_iopl_3()
    {
        TestMachine machine = TestMachine.Virtual8086(3);
        machine.Set(TestMachine.Tss + 0x66, (ushort)0x70);
        machine.Set(TestMachine.Tss + 0x7C, (byte)1);

        machine.Run<In>(0xE4, 0x60).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [Test]
    public void In_writes_only_its_part_of_the_accumulator()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = 0x11223344;
        machine.PortInput = 0xAABBCCDD;

        machine.Run<In>(0xE4, 0x60).Should().BeTrue();

        machine.Eax.Should().Be(0x112233DD);
    }

    [Test]
    public void A_monitor_sees_a_permitted_access_only()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Intercept = InterceptKind.Io;
        machine.Eax = 0x42;

        machine.Run<Out>(0xE6, 0x60).Should().BeFalse();

        machine.Exit.Should().Be((InterceptKind.Io, 0x60u << 16 | 1u << 6, 0x42u));
        machine.Written.Should().BeEmpty();
    }

    [Test]
    public void Cmpxchg8b_loads_the_pair_when_it_differs()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Gpr[7] = 0x6000;
        machine.Set(0x6000, 0x1_0000_0002ul);
        machine.Run<Cmpxchg8b>(0x0F, 0xC7, 0x0F).Should().BeTrue();
        machine.Eax.Should().Be(2);
        machine.Edx.Should().Be(1);

        machine.Ebx = 9;
        machine.Run<Cmpxchg8b>(0x0F, 0xC7, 0x0F).Should().BeTrue();
        machine.Get<ulong>(0x6000).Should().Be(9);
        (machine.Flags & Eflags.ZF).Should().Be(Eflags.ZF);
    }

    [Test]
    public void Escapes_and_wait_raise_no_coprocessor_by_cr0()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.System.Cr0 |= Cr0.TS;
        machine.Run<Coprocessor>(0xDB, 0xE3).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NM, 0u));
        machine.Run<Wait>(0x9B).Should().BeTrue();

        machine.Now.System.Cr0 |= Cr0.MP;
        machine.Run<Wait>(0x9B).Should().BeFalse();
    }
}
