using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>What is known of the segments of a trap and its return holds as long as descriptor, selector and privilege level do, and no longer.</summary>
internal sealed class SegmentMemoTests
{
    private const byte Number = 0x40;
    private const uint Handler = 0x5000;

    [Test]
    public void A_known_segment_is_loaded_as_it_was_at_first()
    {
        TestMachine machine = Start();
        Deliver(machine);
        SegmentRegister[] entered = [machine.Segment(SegmentName.CS), machine.Segment(SegmentName.SS)];
        Return(machine).Should().BeTrue();
        SegmentRegister[] left = [machine.Segment(SegmentName.CS), machine.Segment(SegmentName.SS)];
        for (int i = 0; i < 2; i++)
        {
            Deliver(machine);
            new[] { machine.Segment(SegmentName.CS), machine.Segment(SegmentName.SS) }.Should().Equal(entered);
            machine.Now.Cpl.Should().Be(0);
            Return(machine).Should().BeTrue();
            new[] { machine.Segment(SegmentName.CS), machine.Segment(SegmentName.SS) }.Should().Equal(left);
            (machine.Now.Cpl, machine.Now.Eip, machine.Esp).Should().Be((3, TestMachine.Code, TestMachine.StackTop));
        }
    }

    [TestCase(TestMachine.Code0, Vector.NP)]
    [TestCase(TestMachine.Data0, Vector.SS)]
    public void A_segment_that_is_absent_by_now_is_missed(int selector, Vector expected)
    {
        TestMachine machine = Known();
        machine.Define((ushort)selector, new Descriptor(machine.DescriptorAt((ushort)selector).Raw & ~(1ul << 47)));

        Deliver(machine).Should().BeFalse();

        machine.Fault.Should().Be((expected, (uint)selector));
    }

    [TestCase(TestMachine.Code3)]
    [TestCase(TestMachine.Data3)]
    public void A_segment_of_another_level_by_now_is_no_way_back(int selector)
    {
        TestMachine machine = Known();
        Deliver(machine).Should().BeTrue();
        machine.Define((ushort)selector, new Descriptor(machine.DescriptorAt((ushort)selector).Raw & ~(3ul << 45)));

        Return(machine).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)selector & ~3u));
    }

    [Test]
    public void Another_base_counts()
    {
        TestMachine machine = Known();
        machine.Define(TestMachine.Code0, Descriptor.Segment(0x10, uint.MaxValue, TestMachine.CodeRights | AccessRights.Accessed));

        Deliver(machine).Should().BeTrue();

        machine.Segment(SegmentName.CS).Base.Should().Be(0x10);
    }

    [Test]
    public void The_offset_is_compared_with_the_limit_each_time()
    {
        TestMachine machine = Start();
        machine.Define(TestMachine.Code0, Descriptor.Segment(0, Handler, TestMachine.CodeRights | AccessRights.Accessed));
        RoundTrip(machine);
        RoundTrip(machine);
        machine.DefineGate(Number, Descriptor.Gate(TestMachine.Code0, Handler + 1, SystemType.InterruptGate32, 3));

        Deliver(machine).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [Test]
    public void The_requested_level_counts()
    {
        TestMachine machine = Known();
        Deliver(machine).Should().BeTrue();
        machine.Set(machine.Esp + 4, (uint)TestMachine.Code3 & ~3u);

        Return(machine).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Code3 & ~3u));
    }

    // A handler of a virtual-8086 program runs at level 0 (SDM Vol. 2, INT).
    [Test]
    public void A_conforming_handler_that_is_known_does_not_serve_virtual_8086_mode()
    {
        TestMachine machine = Start(TestMachine.Conforming);
        for (int i = 0; i < 2; i++)
        {
            Deliver(machine).Should().BeTrue();
            machine.Now.Eip = TestMachine.Code;
            machine.Esp = TestMachine.StackTop;
        }

        machine.Now.Flags |= Eflags.VM | Eflags.IOPL;

        Deliver(machine).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, (uint)TestMachine.Conforming));
    }

    private static TestMachine Start(ushort handler = TestMachine.Code0)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.DefineGate(Number, Descriptor.Gate(handler, Handler, SystemType.InterruptGate32, 3));
        return machine;
    }

    /// <summary>The first trip marks the descriptors accessed, so that the second makes them known.</summary>
    private static TestMachine Known()
    {
        TestMachine machine = Start();
        RoundTrip(machine);
        RoundTrip(machine);
        return machine;
    }

    private static void RoundTrip(TestMachine machine)
    {
        Deliver(machine).Should().BeTrue();
        Return(machine).Should().BeTrue();
    }

    private static bool Deliver(TestMachine machine) => machine.Deliver(Number, EventKind.SoftwareInterrupt);

    private static bool Return(TestMachine machine) => machine.Run<Iretd>(0xCF);
}
