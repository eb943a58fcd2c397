using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Interrupts and exceptions (SDM Vol. 2, INT; Vol. 3A, 6.11 to 6.13; Vol. 3B, 20.3).</summary>
internal sealed class EventDeliveryTests
{
    private const byte Number = 0x40;
    private const uint GateError = Number * 8 | ErrorCode.Idt;
    private static readonly byte[] IntN = [0xCD, Number];

    private static Descriptor Interrupt(int dpl = 0, ushort selector = TestMachine.Code0, uint type = SystemType.InterruptGate32) =>
        Descriptor.Gate(selector, 0x5000, type, dpl);

    [Test]
    public void Real_mode_pushes_three_words_and_clears_if_and_tf()
    {
        TestMachine machine = TestMachine.Real();
        machine.Now.Flags |= Eflags.IF | Eflags.TF | Eflags.DF;
        machine.Set(Number * 4u, 0x2000_1234u);

        machine.Run<Int>(IntN).Should().BeTrue();

        machine.Segment(SegmentName.CS).Base.Should().Be(0x20000);
        machine.Now.Eip.Should().Be(0x1234);
        machine.Flags.Should().Be(Eflags.Fixed | Eflags.DF);
        machine.Get<ushort>(0x8FFA).Should().Be(2);
        machine.Get<ushort>(0x8FFC).Should().Be(0x1000);
        machine.Get<ushort>(0x8FFE).Should().Be((ushort)(Eflags.IF | Eflags.TF | Eflags.DF | Eflags.Fixed));
    }

    [Test]
    public void Beyond_the_vector_table_is_general_protection()
    {
        TestMachine machine = TestMachine.Real();
        machine.Now.Idtr.Limit = Number * 4 + 2;

        machine.Run<Int>(IntN).Should().BeFalse();

        machine.Fault!.Value.Vector.Should().Be(Vector.GP);
    }

    [Test]
    public void Same_level_pushes_on_the_current_stack()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Flags |= Eflags.IF | Eflags.NT;
        machine.DefineGate(Number, Interrupt());

        machine.Deliver(Number, EventKind.Fault, 0x1234).Should().BeTrue();

        machine.Esp.Should().Be(TestMachine.StackTop - 16);
        Enumerable.Range(0, 4).Select(machine.OnStack).Should().Equal(
            0x1234, TestMachine.Code, TestMachine.Code0, Eflags.Fixed | Eflags.IF | Eflags.NT | Eflags.RF);
        machine.Flags.Should().Be(Eflags.Fixed);
    }

    // RF in the pushed flags (SDM Vol. 3B, 17.3.1.1).
    [TestCase(EventKind.Fault, Eflags.RF)]
    [TestCase(EventKind.Trap, 0u)]
    [TestCase(EventKind.ExternalInterrupt, 0u)]
    public void Rf_is_pushed_set_for_faults_only(EventKind kind, uint rf)
    {
        TestMachine machine = TestMachine.Protected();
        machine.DefineGate(Number, Interrupt());

        machine.Deliver(Number, kind).Should().BeTrue();

        (machine.OnStack(2) & Eflags.RF).Should().Be(rf);
    }

    [Test]
    public void A_trap_gate_keeps_if()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Flags |= Eflags.IF;
        machine.DefineGate(Number, Interrupt(type: SystemType.TrapGate32));

        machine.Deliver(Number, EventKind.ExternalInterrupt).Should().BeTrue();

        machine.Flags.Should().Be(Eflags.Fixed | Eflags.IF);
    }

    [Test]
    public void An_inner_level_switches_stacks()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.DefineGate(Number, Interrupt(dpl: 3));

        machine.Run<Int>(IntN).Should().BeTrue();

        machine.Now.Cpl.Should().Be(0);
        machine.Esp.Should().Be(TestMachine.InnerStackTop - 20);
        Enumerable.Range(0, 5).Select(machine.OnStack).Should().Equal(
            TestMachine.Code + 2, TestMachine.Code3, Eflags.Fixed, TestMachine.StackTop, TestMachine.Data3);
        machine.Segment(SegmentName.DS).Selector.Should().Be(TestMachine.Data3);
    }

    [Test]
    public void A_16_bit_gate_pushes_words()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.DefineGate(Number, Interrupt(dpl: 3, type: SystemType.InterruptGate16));

        machine.Run<Int>(IntN).Should().BeTrue();

        machine.Esp.Should().Be(TestMachine.InnerStackTop - 10);
    }

    // The gate's DPL counts for INT n, INT3 and INTO; not for INT1, interrupts and exceptions (SDM Vol. 3A, 6.12.1.1).
    [TestCase(EventKind.SoftwareInterrupt, false)]
    [TestCase(EventKind.SoftwareException, false)]
    [TestCase(EventKind.PrivilegedSoftwareException, true)]
    [TestCase(EventKind.ExternalInterrupt, true)]
    [TestCase(EventKind.Fault, true)]
    public void The_gates_dpl_holds_software_off(EventKind kind, bool allowed)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.DefineGate(Number, Interrupt(dpl: 0));

        machine.Deliver(Number, kind).Should().Be(allowed);

        machine.Fault.Should().Be(allowed ? null : (Vector.GP, GateError));
    }

    [TestCase(EventKind.SoftwareInterrupt, 0u)]
    [TestCase(EventKind.ExternalInterrupt, ErrorCode.External)]
    public void Ext_is_set_in_faults_of_hardware_events(EventKind kind, uint external)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Deliver(Number, kind).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, GateError | external));

        machine.DefineGate(Number, new Descriptor(Interrupt().Raw & ~(0x8000ul << 32)));
        machine.Deliver(Number, kind).Should().BeFalse();
        machine.Fault.Should().Be((Vector.NP, GateError | external));

        machine.DefineGate(Number, Interrupt(selector: TestMachine.Data0));
        machine.Deliver(Number, kind).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Data0 | external));

        machine.DefineGate(Number, Interrupt(selector: 0));
        machine.Deliver(Number, kind).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, external));

        machine.Now.Idtr.Limit = Number * 8 + 6;
        machine.Deliver(Number, kind).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, GateError | external));
    }

    [Test]
    public void A_full_current_stack_is_a_stack_fault_with_ext()
    {
        TestMachine machine = TestMachine.Protected();
        machine.DefineGate(Number, Interrupt());
        machine.Segment(SegmentName.SS).Set(TestMachine.Data0, 0, 0xFFF, TestMachine.DataRights);

        machine.Deliver(Number, EventKind.ExternalInterrupt).Should().BeFalse();

        machine.Fault.Should().Be((Vector.SS, ErrorCode.External));
        machine.Esp.Should().Be(TestMachine.StackTop);
    }

    [Test]
    public void From_virtual_8086_mode_the_data_segments_are_pushed_and_cleared()
    {
        TestMachine machine = TestMachine.Virtual8086(3);
        machine.DefineGate(Number, Interrupt(dpl: 3));

        machine.Run<Int>(IntN).Should().BeTrue();

        machine.Esp.Should().Be(TestMachine.InnerStackTop - 36);
        Enumerable.Range(0, 9).Select(machine.OnStack).Should().Equal(
            2, 0x1000, Eflags.Fixed | Eflags.VM | Eflags.IOPL, 0x1000, 0x800, 0x4000, 0x4003, 0x4004, 0x4005);
        machine.Flags.Should().Be(Eflags.Fixed | Eflags.IOPL);
        machine.Segment(SegmentName.GS).IsUsable.Should().BeFalse();
    }

    [TestCase(TestMachine.Code3)]
    [TestCase(TestMachine.Conforming)]
    public void From_virtual_8086_mode_only_level_0_will_do(int selector)
    {
        TestMachine machine = TestMachine.Virtual8086(3);
        machine.DefineGate(Number, Interrupt(dpl: 3, selector: (ushort)selector));

        machine.Run<Int>(IntN).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)(selector & ~3)));
    }

    [Test]
    public void Int_n_below_iopl_3_is_general_protection_in_virtual_8086_mode_but_int3_is_not()
    {
        TestMachine machine = TestMachine.Virtual8086(2);
        machine.DefineGate(3, Interrupt(dpl: 3));

        machine.Run<Int>(IntN).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));

        machine.Run<Int3>(0xCC).Should().BeTrue();
    }

    [TestCase(0, true, TestName = "Redirected_below_iopl_3")]
    [TestCase(3, true, TestName = "Redirected_at_iopl_3")]
    [TestCase(0, false, TestName = "Not_redirected_below_iopl_3")]
    [TestCase(3, false, TestName = "Not_redirected_at_iopl_3")]
    public void The_redirection_bitmap_decides_under_vme(int iopl, bool redirected)
    {
        TestMachine machine = TestMachine.Virtual8086(iopl);
        machine.Now.System.Cr4 = Cr4.VME;
        machine.Now.Flags |= Eflags.VIF;
        machine.Set(TestMachine.Tss + 0x66, (ushort)0x90);
        machine.Set(TestMachine.Tss + 0x90 - 32 + Number / 8, (byte)(redirected ? 0xFE : 0x01));
        machine.Set(Number * 4u, 0x2000_1234u);
        machine.DefineGate(Number, Interrupt(dpl: 3));

        bool done = machine.Run<Int>(IntN);

        done.Should().Be(redirected || iopl == 3);
        if (!redirected)
        {
            machine.Now.Cpl.Should().Be(iopl == 3 ? 0 : 3);
            return;
        }

        machine.Segment(SegmentName.CS).Selector.Should().Be(0x2000);
        uint image = machine.Get<ushort>(0x8FFE);
        if (iopl == 3)
        {
            image.Should().Be(Eflags.Fixed | Eflags.IOPL);
            machine.Flags.Should().Be(Eflags.Fixed | Eflags.VM | Eflags.IOPL | Eflags.VIF);
        }
        else
        {
            image.Should().Be(Eflags.Fixed | Eflags.IOPL | Eflags.IF);
            machine.Flags.Should().Be(Eflags.Fixed | Eflags.VM);
        }
    }

    [Test]
    public void Into_and_bound_depend_on_their_condition()
    {
        TestMachine machine = TestMachine.Protected();
        machine.DefineGate(4, Interrupt());
        machine.Run<Into>(0xCE).Should().BeTrue();
        machine.Now.Eip.Should().Be(TestMachine.Code + 1);

        machine.Now.Status.SetStatus(Eflags.OF);
        machine.Run<Into>(0xCE).Should().BeTrue();
        machine.Now.Eip.Should().Be(0x5000);

        machine.Set(0x6000, -1);
        machine.Set(0x6004, 5);
        machine.Ebx = 0x6000;
        machine.Eax = uint.MaxValue;
        machine.Run<Bound>(0x62, 0x03).Should().BeTrue();
        machine.Eax = 6;
        machine.Run<Bound>(0x62, 0x03).Should().BeFalse();
        machine.Fault.Should().Be((Vector.BR, 0u));
    }

    [Test]
    public void A_monitor_sees_int_n_before_anything_else()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Intercept = InterceptKind.SoftwareInterrupt;

        machine.Run<Int>(IntN).Should().BeFalse();

        machine.Fault.Should().BeNull();
        machine.Exit.Should().Be((InterceptKind.SoftwareInterrupt, 4u, (uint)Number));
    }
}
