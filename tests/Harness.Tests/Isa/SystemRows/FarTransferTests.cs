using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Far JMP, CALL, RET (SDM Vol. 2; Vol. 3A, 5.8).</summary>
internal sealed class FarTransferTests
{
    private static byte[] CallFar(ushort selector, uint offset = 0) =>
        [0x9A, (byte)offset, (byte)(offset >> 8), (byte)(offset >> 16), (byte)(offset >> 24), (byte)selector, (byte)(selector >> 8)];

    private static byte[] JumpFar(ushort selector, uint offset = 0)
    {
        byte[] code = CallFar(selector, offset);
        code[0] = 0xEA;
        return code;
    }

    [Test]
    public void Real_mode_call_pushes_cs_and_ip()
    {
        TestMachine machine = TestMachine.Real();

        machine.Run<Call>(0x9A, 0x34, 0x12, 0x00, 0x20).Should().BeTrue();

        machine.Segment(SegmentName.CS).Base.Should().Be(0x20000);
        machine.Now.Eip.Should().Be(0x1234);
        machine.Esp.Should().Be(0xFFC);
        machine.Get<uint>(0x8FFC).Should().Be(0x1000_0005);
    }

    [Test]
    public void Jump_stays_at_the_level_and_sets_the_rpl_of_cs()
    {
        TestMachine machine = TestMachine.Protected(3);

        machine.Run<Jmp>(JumpFar(TestMachine.Conforming, 0x100)).Should().BeTrue();

        machine.Segment(SegmentName.CS).Selector.Should().Be(TestMachine.Conforming | 3);
        machine.Now.Cpl.Should().Be(3);
        machine.Now.Eip.Should().Be(0x100);
    }

    [TestCase(0, TestMachine.Code3, TestName = "To_an_outer_level")]
    [TestCase(3, TestMachine.Code0, TestName = "To_an_inner_level")]
    [TestCase(0, TestMachine.Code0 | 3, TestName = "Rpl_above_cpl")]
    [TestCase(0, TestMachine.Data0, TestName = "To_data")]
    [TestCase(0, TestMachine.LdtSelector, TestName = "To_an_ldt")]
    [TestCase(0, TestMachine.TaskSelector, TestName = "To_a_busy_task")]
    public void Jump_elsewhere_is_general_protection(int cpl, int selector)
    {
        TestMachine machine = TestMachine.Protected(cpl);

        machine.Run<Jmp>(JumpFar((ushort)selector)).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)(selector & ~3)));
    }

    [Test]
    public void Null_absent_and_beyond_the_limit()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Run<Jmp>(JumpFar(3)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));

        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFF, TestMachine.CodeRights & ~AccessRights.P));
        machine.Run<Jmp>(JumpFar(TestMachine.Spare)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NP, (uint)TestMachine.Spare));

        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFF, TestMachine.CodeRights));
        machine.Run<Jmp>(JumpFar(TestMachine.Spare, 0x1000)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [Test]
    public void Call_gate_to_an_inner_level_switches_stacks_and_copies_parameters()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0x12345, SystemType.CallGate32, 3, parameters: 2));
        machine.Set(TestMachine.StackTop, 0xAAAAAAAA);
        machine.Set(TestMachine.StackTop + 4, 0xBBBBBBBB);

        machine.Run<Call>(CallFar(TestMachine.Gate | 3)).Should().BeTrue();

        machine.Now.Cpl.Should().Be(0);
        machine.Segment(SegmentName.CS).Selector.Should().Be(TestMachine.Code0);
        machine.Segment(SegmentName.SS).Selector.Should().Be(TestMachine.Data0);
        machine.Now.Eip.Should().Be(0x12345);
        machine.Esp.Should().Be(TestMachine.InnerStackTop - 24);
        Enumerable.Range(0, 6).Select(machine.OnStack).Should().Equal(
            TestMachine.Code + 7, TestMachine.Code3, 0xAAAAAAAA, 0xBBBBBBBB, TestMachine.StackTop, TestMachine.Data3);
    }

    [Test]
    public void A_16_bit_gate_pushes_words_and_truncates_its_offset()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0xFFFF1234, SystemType.CallGate16, 3, parameters: 1));
        machine.Set(TestMachine.StackTop, (ushort)0xAAAA);

        machine.Run<Call>(CallFar(TestMachine.Gate | 3)).Should().BeTrue();

        machine.Now.Eip.Should().Be(0x1234);
        machine.Esp.Should().Be(TestMachine.InnerStackTop - 10);
        machine.Get<ushort>(TestMachine.InnerStackTop - 6).Should().Be(0xAAAA);
        machine.Get<ushort>(TestMachine.InnerStackTop - 2).Should().Be(TestMachine.Data3);
    }

    [Test]
    public void A_gate_at_the_same_level_keeps_the_stack()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0x100, SystemType.CallGate32, 0, parameters: 2));

        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeTrue();

        machine.Esp.Should().Be(TestMachine.StackTop - 8);
    }

    [Test]
    public void Gate_faults_name_the_gate_then_the_target()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 0));
        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Gate));

        machine.Define(TestMachine.Gate, new Descriptor(Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 3).Raw & ~(0x8000ul << 32)));
        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NP, (uint)TestMachine.Gate));

        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Data0, 0, SystemType.CallGate32, 3));
        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Data0));
    }

    [Test]
    public void Jump_through_a_gate_to_an_inner_level_is_general_protection()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 3));

        machine.Run<Jmp>(JumpFar(TestMachine.Gate)).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Code0));
    }

    [TestCase(0, TestName = "Null", ExpectedResult = 0u)]
    [TestCase(TestMachine.Data0 | 3, TestName = "Rpl", ExpectedResult = (uint)TestMachine.Data0)]
    [TestCase(TestMachine.Code0, TestName = "Code", ExpectedResult = (uint)TestMachine.Code0)]
    public uint Inner_stack_of_the_wrong_kind_is_an_invalid_tss(int selector)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 3));
        machine.Set(TestMachine.Tss + 8, (uint)selector);

        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();

        machine.Fault!.Value.Vector.Should().Be(Vector.TS);
        return machine.Fault!.Value.ErrorCode;
    }

    [Test]
    public void Inner_stack_beyond_the_tss_names_the_task()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 3));
        machine.Segment(SegmentName.TR).Limit = 10;

        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();

        machine.Fault.Should().Be((Vector.TS, (uint)TestMachine.TaskSelector));
    }

    [Test]
    public void A_frame_that_does_not_fit_leaves_nothing_behind()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.Code0, 0, SystemType.CallGate32, 3));
        machine.Define(TestMachine.Spare, Descriptor.Segment(0x6000, 0xFFF, TestMachine.DataRights));
        machine.Set(TestMachine.Tss + 8, (uint)TestMachine.Spare);
        machine.Set(TestMachine.Tss + 4, 4u);

        machine.Run<Call>(CallFar(TestMachine.Gate)).Should().BeFalse();

        machine.Fault.Should().Be((Vector.SS, (uint)TestMachine.Spare));
        machine.Get<uint>(0x6000).Should().Be(0);
        machine.DescriptorAt(TestMachine.Spare).IsAccessed.Should().BeFalse();
        machine.Now.Cpl.Should().Be(3);
    }

    [Test]
    public void Return_to_an_outer_level_pops_the_stack_and_drops_privileged_segments()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Segment(SegmentName.ES).Rights |= AccessRights.DplMask;
        machine.Esp -= 24;
        machine.Set(machine.Esp, 0x500u);
        machine.Set(machine.Esp + 4, (uint)TestMachine.Code3);
        machine.Set(machine.Esp + 16, 0x7000u);
        machine.Set(machine.Esp + 20, (uint)TestMachine.Data3);

        machine.Run<Retf>(0xCA, 0x08, 0x00).Should().BeTrue();

        machine.Now.Cpl.Should().Be(3);
        machine.Now.Eip.Should().Be(0x500);
        machine.Esp.Should().Be(0x7008);
        machine.Segment(SegmentName.SS).Selector.Should().Be(TestMachine.Data3);
        machine.Segment(SegmentName.DS).IsUsable.Should().BeFalse();
        machine.Segment(SegmentName.DS).Selector.Should().Be(0);
        machine.Segment(SegmentName.ES).IsUsable.Should().BeTrue();
    }

    [TestCase(TestMachine.Code0, TestMachine.Data3, Vector.GP, TestMachine.Code0, TestName = "To_an_inner_level")]
    [TestCase(0, TestMachine.Data3, Vector.GP, 0, TestName = "To_null")]
    [TestCase(TestMachine.Data3, TestMachine.Data3, Vector.GP, TestMachine.Data3 & ~3, TestName = "To_data")]
    public void Return_checks_the_code_segment(int code, int stack, Vector vector, int errorCode)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Set(machine.Esp + 4, (uint)code);
        machine.Set(machine.Esp + 12, (uint)stack);

        machine.Run<Retf>(0xCB).Should().BeFalse();

        machine.Fault.Should().Be((vector, (uint)errorCode));
        machine.Esp.Should().Be(TestMachine.StackTop);
    }

    [TestCase(0, 0)]
    [TestCase(TestMachine.Data0 | 3, TestMachine.Data0)]
    [TestCase(TestMachine.Data3 & ~3, TestMachine.Data3 & ~3)]
    public void Return_checks_the_outer_stack(int stack, int errorCode)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(machine.Esp + 4, (uint)TestMachine.Code3);
        machine.Set(machine.Esp + 12, (uint)stack);

        machine.Run<Retf>(0xCB).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)errorCode));
    }
}
