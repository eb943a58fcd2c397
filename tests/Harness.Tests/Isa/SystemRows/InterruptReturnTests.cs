using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>IRET (SDM Vol. 2, IRET; Vol. 3B, 20.2.4 and 20.3.3.4).</summary>
internal sealed class InterruptReturnTests
{
    private const uint AllFlags = 0x003F7FD7;
    private static readonly byte[] Code = [0xCF];

    private static void Frame(TestMachine machine, params uint[] values)
    {
        uint at = machine.Segment(SegmentName.SS).Base + machine.Esp;
        for (int index = 0; index < values.Length; index++)
        {
            machine.Set(at + (uint)index * 4, values[index]);
        }
    }

    [Test]
    public void Real_mode_takes_all_but_the_virtual_bits()
    {
        TestMachine machine = TestMachine.Real();
        Frame(machine, 0x200, 0x3000, AllFlags);

        machine.Run<Iretd>(0x66, 0xCF).Should().BeTrue();

        machine.Flags.Should().Be(AllFlags & ~(Eflags.VM | Eflags.VIF | Eflags.VIP));
        machine.Segment(SegmentName.CS).Base.Should().Be(0x30000);
        machine.NmiBlocked.Should().BeFalse();
    }

    // What IRET may change at each level and IOPL (SDM Vol. 2, IRET, operation). NT stays clear, or the return would be a task switch.
    [TestCase(0, 0, AllFlags & ~Eflags.VM)]
    [TestCase(3, 0, AllFlags & ~(Eflags.VM | Eflags.VIF | Eflags.VIP | Eflags.IF | Eflags.IOPL))]
    [TestCase(3, 3, AllFlags & ~(Eflags.VM | Eflags.VIF | Eflags.VIP))]
    public void Flags_at_the_same_level(int cpl, int iopl, uint expected)
    {
        TestMachine machine = TestMachine.Protected(cpl);
        machine.Now.Flags |= (uint)iopl << Eflags.IoplShift;
        uint image = cpl == 0 ? AllFlags & ~Eflags.VM : AllFlags;
        Frame(machine, 0x200, cpl == 0 ? TestMachine.Code0 : TestMachine.Code3, image);

        machine.Run<Iretd>(Code).Should().BeTrue();

        machine.Flags.Should().Be(expected);
        machine.Esp.Should().Be(TestMachine.StackTop + 12);
    }

    [Test]
    public void An_outer_return_takes_iopl_and_if_by_the_old_level()
    {
        TestMachine machine = TestMachine.Protected();
        Frame(machine, 0x200, TestMachine.Code3, Eflags.Fixed | Eflags.IF | Eflags.IOPL, 0x7000, TestMachine.Data3);

        machine.Run<Iretd>(Code).Should().BeTrue();

        machine.Now.Cpl.Should().Be(3);
        machine.Flags.Should().Be(Eflags.Fixed | Eflags.IF | Eflags.IOPL);
        machine.Esp.Should().Be(0x7000);
        machine.Segment(SegmentName.DS).IsUsable.Should().BeFalse();
    }

    // An unusable segment has nothing to take away: its selector stays, which src/README.md says of this machine.
    [TestCase((ushort)0)]
    [TestCase((ushort)1)]
    [TestCase((ushort)3)]
    public void An_outer_return_leaves_a_null_selector(ushort selector)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Segment(SegmentName.FS).Set(selector, 0, 0, AccessRights.Unusable);
        Frame(machine, 0x200, TestMachine.Code3, Eflags.Fixed, 0x7000, TestMachine.Data3);

        machine.Run<Iretd>(Code).Should().BeTrue();

        machine.Segment(SegmentName.FS).Selector.Should().Be(selector);
        machine.Segment(SegmentName.FS).IsUsable.Should().BeFalse();
    }

    [Test]
    public void Return_to_virtual_8086_mode_loads_every_segment()
    {
        TestMachine machine = TestMachine.Protected();
        Frame(machine, 0x1234, 0x2000, Eflags.VM | Eflags.Fixed, 0x5678, 0x3000, 0x3001, 0x3002, 0x3003, 0x3004);

        machine.Run<Iretd>(Code).Should().BeTrue();

        machine.Now.Cpl.Should().Be(3);
        machine.Now.Eip.Should().Be(0x1234);
        machine.Esp.Should().Be(0x5678);
        machine.Segment(SegmentName.CS).Base.Should().Be(0x20000);
        machine.Segment(SegmentName.SS).Base.Should().Be(0x30000);
        machine.Segment(SegmentName.GS).Base.Should().Be(0x30040);
        machine.Segment(SegmentName.GS).Rights.Should().Be(0xF3);
    }

    [Test]
    public void Vm_in_the_image_means_nothing_outside_level_0()
    {
        TestMachine machine = TestMachine.Protected(3);
        Frame(machine, 0x200, TestMachine.Code3, Eflags.VM | Eflags.Fixed);

        machine.Run<Iretd>(Code).Should().BeTrue();

        machine.Flags.Should().Be(Eflags.Fixed);
    }

    [Test]
    public void Virtual_8086_below_iopl_3_is_general_protection_without_vme()
    {
        TestMachine machine = TestMachine.Virtual8086(0);

        machine.Run<Iret>(Code).Should().BeFalse();

        machine.Fault.Should().Be((Vector.GP, 0u));
    }

    [Test]
    public void Virtual_8086_with_vme_puts_if_into_vif()
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Now.System.Cr4 = Cr4.VME;
        machine.Set(0x9000, 0x2000_0123u);
        machine.Set(0x9004, (ushort)(Eflags.IF | Eflags.IOPL | Eflags.CF | Eflags.Fixed));

        machine.Run<Iret>(Code).Should().BeTrue();

        machine.Flags.Should().Be(Eflags.VM | Eflags.VIF | Eflags.CF | Eflags.Fixed);
        machine.Now.Eip.Should().Be(0x123);
    }

    [TestCase(Eflags.VIP, Eflags.IF, false)]
    [TestCase(Eflags.VIP, 0u, true)]
    [TestCase(0u, Eflags.TF, false)]
    public void Virtual_8086_with_vme_refuses_tf_and_a_pending_interrupt(uint flags, uint image, bool allowed)
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Now.System.Cr4 = Cr4.VME;
        machine.Now.Flags |= flags;
        machine.Set(0x9004, (ushort)image);

        machine.Run<Iret>(Code).Should().Be(allowed);
    }
}
