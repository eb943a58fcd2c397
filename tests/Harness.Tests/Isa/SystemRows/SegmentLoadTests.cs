using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Loads of segment registers (SDM Vol. 2, MOV, LLDT, LTR; Vol. 3A, 5.6 and 5.7).</summary>
internal sealed class SegmentLoadTests
{
    private static readonly byte[] MovDsAx = [0x8E, 0xD8];
    private static readonly byte[] MovSsAx = [0x8E, 0xD0];
    private static readonly byte[] LldtAx = [0x0F, 0x00, 0xD0];
    private static readonly byte[] LtrAx = [0x0F, 0x00, 0xD8];

    [Test]
    public void Real_mode_moves_the_base_and_keeps_the_limit()
    {
        TestMachine machine = TestMachine.Real();
        machine.Segment(SegmentName.DS).Set(0, 0, 0xFFFFF, AccessRights.RealModeData | AccessRights.G);
        machine.Eax = 0x1234;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();

        machine.Segment(SegmentName.DS).Base.Should().Be(0x12340);
        machine.Segment(SegmentName.DS).Limit.Should().Be(0xFFFFF);
        machine.Segment(SegmentName.DS).Selector.Should().Be(0x1234);
    }

    [Test]
    public void Virtual_8086_mode_sets_base_limit_and_dpl_3()
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Eax = 0x1234;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();

        machine.Segment(SegmentName.DS).Should().BeEquivalentTo(new { Base = 0x12340u, Limit = 0xFFFFu, Rights = 0xF3u });
    }

    [Test]
    public void Null_is_unusable_in_a_data_register_and_a_fault_in_ss()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = 3;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();
        machine.Segment(SegmentName.DS).IsUsable.Should().BeFalse();
        machine.Segment(SegmentName.DS).Selector.Should().Be(3);

        machine.Run<MovSegment>(MovSsAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [TestCase(0x80, TestName = "Beyond_the_gdt")]
    [TestCase(0x3F, TestName = "A_system_descriptor")]
    [TestCase(0x54, TestName = "No_ldt")]
    public void Unusable_selectors_are_general_protection(int selector)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = (uint)selector;

        machine.Run<MovSegment>(MovDsAx).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)(selector & ~3)));
    }

    [TestCase(0, 3, 0, false, TestName = "Rpl_above_dpl")]
    [TestCase(3, 0, 0, false, TestName = "Cpl_above_dpl")]
    [TestCase(3, 3, 3, true, TestName = "All_at_3")]
    [TestCase(0, 0, 3, true, TestName = "Dpl_above_both")]
    public void Data_needs_cpl_and_rpl_not_above_dpl(int cpl, int rpl, int dpl, bool allowed)
    {
        TestMachine machine = TestMachine.Protected(cpl);
        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFF, TestMachine.DataRights | (uint)dpl << 5));
        machine.Eax = (uint)(TestMachine.Spare | rpl);

        machine.Run<MovSegment>(MovDsAx).Should().Be(allowed);

        machine.Fault.Should().Be(allowed ? null : (Vector.GP, (uint)TestMachine.Spare));
    }

    [Test]
    public void Readable_conforming_code_may_be_read_at_any_level()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Eax = TestMachine.Conforming | 3;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();
    }

    [Test]
    public void Execute_only_code_may_not_be_read()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFF, TestMachine.CodeRights & ~AccessRights.WritableOrReadable));
        machine.Eax = TestMachine.Spare;

        machine.Run<MovSegment>(MovDsAx).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Spare));
    }

    [Test]
    public void Absent_is_not_present_for_data_and_a_stack_fault_for_ss()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFF, TestMachine.DataRights & ~AccessRights.P));
        machine.Eax = TestMachine.Spare;

        machine.Run<MovSegment>(MovDsAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NP, (uint)TestMachine.Spare));

        machine.Run<MovSegment>(MovSsAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.SS, (uint)TestMachine.Spare));
    }

    [TestCase(TestMachine.Data3, TestName = "Rpl_and_dpl_3")]
    [TestCase(TestMachine.Data0 | 3, TestName = "Rpl_3")]
    [TestCase(TestMachine.Code0, TestName = "Code")]
    public void Ss_takes_only_writable_data_of_the_current_level(int selector)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = (uint)selector;

        machine.Run<MovSegment>(MovSsAx).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)(selector & ~3)));
    }

    [Test]
    public void Loading_marks_the_descriptor_accessed()
    {
        TestMachine machine = TestMachine.Protected();
        machine.DescriptorAt(TestMachine.Data0).IsAccessed.Should().BeFalse();
        machine.Eax = TestMachine.Data0;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();

        machine.DescriptorAt(TestMachine.Data0).IsAccessed.Should().BeTrue();
        (machine.Segment(SegmentName.DS).Rights & AccessRights.Accessed).Should().Be(AccessRights.Accessed);
    }

    [Test]
    public void A_local_selector_is_found_in_the_ldt()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(TestMachine.Ldt + 8, Descriptor.Segment(0x5000, 0xFF, TestMachine.DataRights).Raw);
        machine.Eax = TestMachine.LdtSelector;
        machine.Run<Lldt>(LldtAx).Should().BeTrue();
        machine.Eax = 0xC;

        machine.Run<MovSegment>(MovDsAx).Should().BeTrue();

        machine.Segment(SegmentName.DS).Base.Should().Be(0x5000);
    }

    [Test]
    public void Mov_ss_holds_back_all_interrupts()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = TestMachine.Data0;

        machine.Run<MovSegment>(MovSsAx).Should().BeTrue();

        machine.Inhibited.Should().BeTrue();
    }

    [Test]
    public void Mov_cs_is_undefined()
    {
        TestMachine machine = TestMachine.Protected();

        machine.Transact((ref TestPort port) =>
        {
            Iced.Intel.Instruction instruction = Iced.Intel.Instruction.Create(Iced.Intel.Code.Mov_Sreg_rm16, Iced.Intel.Register.CS, Iced.Intel.Register.AX);
            return MovSegment.Execute(ref port, in instruction);
        }).Should().BeFalse();

        machine.Fault.Should().Be((Vector.UD, 0u));
    }

    [Test]
    public void Lldt_checks_type_and_presence()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = TestMachine.Data0;
        machine.Run<Lldt>(LldtAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Data0));

        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 7, SystemType.Ldt));
        machine.Eax = TestMachine.Spare;
        machine.Run<Lldt>(LldtAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NP, (uint)TestMachine.Spare));
    }

    [Test]
    public void Lldt_is_undefined_in_real_mode_before_any_privilege_check()
    {
        TestMachine machine = TestMachine.Virtual8086(3);

        machine.Run<Lldt>(LldtAx).Should().BeFalse();

        machine.Fault.Should().Be((Vector.UD, 0u));
    }

    [Test]
    public void Ltr_marks_the_task_busy_and_refuses_a_busy_one()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = TestMachine.OtherTask;

        machine.Run<Ltr>(LtrAx).Should().BeTrue();
        machine.DescriptorAt(TestMachine.OtherTask).Type.Should().Be(SystemType.BusyTss32);

        machine.Run<Ltr>(LtrAx).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.OtherTask));
    }

    [Test]
    public void Lds_loads_register_and_segment_together()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(0x5000, 0x11223344u);
        machine.Set(0x5004, TestMachine.Data0);
        machine.Ebx = 0x5000;

        machine.Run<Lds>(0xC5, 0x03).Should().BeTrue();
        machine.Eax.Should().Be(0x11223344);

        machine.Set(0x5004, (ushort)0x80);
        machine.Eax = 1;
        machine.Run<Lds>(0xC5, 0x03).Should().BeFalse();
        machine.Eax.Should().Be(1);
    }
}
