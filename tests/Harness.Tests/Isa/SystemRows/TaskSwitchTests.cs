using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Task switches (SDM Vol. 3A, 7.3 to 7.6).</summary>
internal sealed class TaskSwitchTests
{
    private const byte Number = 0x40;
    private const uint Other = TestMachine.OtherTss;
    private const uint NewEip = 0x20000;
    private const uint NewEsp = 0x7800;
    private static readonly byte[] JumpToOther = [0xEA, 0, 0, 0, 0, (byte)TestMachine.OtherTask, 0];
    private static readonly byte[] CallOther = [0x9A, 0, 0, 0, 0, (byte)TestMachine.OtherTask, 0];

    private static TestMachine Prepared(int cpl = 0)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(Other + 0x20, NewEip);
        machine.Set(Other + 0x24, Eflags.Fixed | Eflags.DF);
        for (uint number = 0; number < 8; number++)
        {
            machine.Set(Other + 0x28 + number * 4, 0x100 + number);
        }

        machine.Set(Other + 0x38, NewEsp);
        ushort data = cpl == 0 ? TestMachine.Data0 : TestMachine.Data3;
        for (uint number = 0; number < 6; number++)
        {
            machine.Set(Other + 0x48 + number * 4, number == 1 ? cpl == 0 ? TestMachine.Code0 : TestMachine.Code3 : data);
        }

        return machine;
    }

    [Test]
    public void A_jump_saves_the_old_task_and_loads_the_new_one()
    {
        TestMachine machine = Prepared(3);
        machine.Eax = 0xAAAA;
        machine.Now.System.Dr7 = 0x4FF;

        machine.Run<Jmp>(JumpToOther).Should().BeTrue();

        machine.Get<uint>(TestMachine.Tss + 0x20).Should().Be(TestMachine.Code + 7);
        machine.Get<uint>(TestMachine.Tss + 0x24).Should().Be(Eflags.Fixed);
        machine.Get<uint>(TestMachine.Tss + 0x28).Should().Be(0xAAAA);
        machine.Get<uint>(TestMachine.Tss + 0x38).Should().Be(TestMachine.StackTop);
        machine.Get<ushort>(TestMachine.Tss + 0x4C).Should().Be(TestMachine.Code0);
        machine.Now.Eip.Should().Be(NewEip);
        machine.Esp.Should().Be(NewEsp);
        machine.Edx.Should().Be(0x102);
        machine.Flags.Should().Be(Eflags.Fixed | Eflags.DF);
        machine.Now.Cpl.Should().Be(3);
        machine.Segment(SegmentName.SS).Selector.Should().Be(TestMachine.Data3);
        machine.Segment(SegmentName.TR).Base.Should().Be(Other);
        machine.DescriptorAt(TestMachine.TaskSelector).Type.Should().Be(SystemType.AvailableTss32);
        machine.DescriptorAt(TestMachine.OtherTask).Type.Should().Be(SystemType.BusyTss32);
        (machine.Now.System.Cr0 & Cr0.TS).Should().Be(Cr0.TS);
        machine.Now.System.Dr7.Should().Be(0x4AA);
    }

    [Test]
    public void A_call_nests_and_iret_returns()
    {
        TestMachine machine = Prepared();
        machine.Eax = 0xAAAA;

        machine.Run<Call>(CallOther).Should().BeTrue();
        machine.Get<ushort>(Other).Should().Be(TestMachine.TaskSelector);
        machine.Flags.Should().Be(Eflags.Fixed | Eflags.DF | Eflags.NT);
        machine.DescriptorAt(TestMachine.TaskSelector).Type.Should().Be(SystemType.BusyTss32);

        machine.Run<Iretd>(0xCF).Should().BeTrue();
        machine.Now.Eip.Should().Be(TestMachine.Code + 7);
        machine.Eax.Should().Be(0xAAAA);
        machine.Flags.Should().Be(Eflags.Fixed);
        machine.DescriptorAt(TestMachine.OtherTask).Type.Should().Be(SystemType.AvailableTss32);
        machine.Get<uint>(Other + 0x24).Should().Be(Eflags.Fixed | Eflags.DF);
    }

    [Test]
    public void A_task_gate_leads_to_the_task_and_takes_the_error_code_onto_its_stack()
    {
        TestMachine machine = Prepared();
        machine.DefineGate(Number, Descriptor.Gate(TestMachine.OtherTask, 0, SystemType.TaskGate, 0));

        machine.Deliver(Number, EventKind.Fault, 0x55).Should().BeTrue();

        machine.Esp.Should().Be(NewEsp - 4);
        machine.OnStack(0).Should().Be(0x55);
        (machine.Get<uint>(TestMachine.Tss + 0x24) & Eflags.RF).Should().Be(Eflags.RF);
        machine.Get<uint>(TestMachine.Tss + 0x20).Should().Be(TestMachine.Code);
    }

    [Test]
    public void A_task_gate_in_the_gdt_switches_too()
    {
        TestMachine machine = Prepared();
        machine.Define(TestMachine.Gate, Descriptor.Gate(TestMachine.OtherTask, 0, SystemType.TaskGate, 0));

        machine.Run<Jmp>(0xEA, 0, 0, 0, 0, (byte)TestMachine.Gate, 0).Should().BeTrue();

        machine.Now.Eip.Should().Be(NewEip);
    }

    [Test]
    public void A_short_tss_is_invalid_and_nothing_changes()
    {
        TestMachine machine = Prepared();
        machine.Define(TestMachine.OtherTask, Descriptor.Segment(Other, 0x66, AccessRights.P | SystemType.AvailableTss32));

        machine.Run<Jmp>(JumpToOther).Should().BeFalse();

        machine.Fault.Should().Be((Vector.TS, (uint)TestMachine.OtherTask));
        machine.DescriptorAt(TestMachine.TaskSelector).Type.Should().Be(SystemType.BusyTss32);
        machine.Get<uint>(TestMachine.Tss + 0x20).Should().Be(0);
    }

    // Faults that belong to the new task (SDM Vol. 3A, Table 7-1).
    [TestCase(0x60, TestMachine.Data0, Vector.TS, TestName = "Ldt_that_is_none")]
    [TestCase(0x50, TestMachine.Data3, Vector.TS, TestName = "Stack_of_another_level")]
    [TestCase(0x54, TestMachine.LdtSelector, Vector.TS, TestName = "Data_that_is_none")]
    [TestCase(0x54, TestMachine.Spare, Vector.NP, TestName = "Absent_data")]
    [TestCase(0x50, TestMachine.Spare, Vector.SS, TestName = "Absent_stack")]
    public void A_fault_after_the_commit_point_happens_in_the_new_task(int offset, int selector, Vector vector)
    {
        TestMachine machine = Prepared();
        machine.Define(TestMachine.Spare, Descriptor.Segment(0, 0xFFFF, TestMachine.DataRights & ~AccessRights.P));
        machine.Set(Other + (uint)offset, (ushort)selector);

        machine.Run<Jmp>(JumpToOther).Should().BeFalse();

        machine.Fault.Should().Be((vector, (uint)(selector & ~3)));
        machine.InstructionEip.Should().Be(NewEip);
        machine.Segment(SegmentName.TR).Selector.Should().Be(TestMachine.OtherTask);
        machine.DescriptorAt(TestMachine.TaskSelector).Type.Should().Be(SystemType.AvailableTss32);
    }

    [Test]
    public void Code_of_the_wrong_level_is_an_invalid_tss()
    {
        TestMachine machine = Prepared();
        machine.Set(Other + 0x4C, (ushort)(TestMachine.Code3 & ~3));

        machine.Run<Jmp>(JumpToOther).Should().BeFalse();

        machine.Fault.Should().Be((Vector.TS, (uint)(TestMachine.Code3 & ~3)));
    }

    [Test]
    public void A_16_bit_task_has_null_fs_and_gs()
    {
        TestMachine machine = Prepared();
        machine.Define(TestMachine.OtherTask, Descriptor.Segment(Other, 0x2B, AccessRights.P | SystemType.AvailableTss16));
        machine.Set(Other + 0x0E, (ushort)0x1234);
        machine.Set(Other + 0x10, (ushort)Eflags.Fixed);
        machine.Set(Other + 0x1A, (ushort)0x7800);
        ushort[] selectors = [TestMachine.Data0, TestMachine.Code0, TestMachine.Data0, TestMachine.Data0, 0];
        for (int index = 0; index < selectors.Length; index++)
        {
            machine.Set(Other + 0x22 + (uint)index * 2, selectors[index]);
        }

        machine.Run<Jmp>(JumpToOther).Should().BeTrue();

        machine.Now.Eip.Should().Be(0x1234);
        ((ushort)machine.Esp).Should().Be(0x7800);
        machine.Segment(SegmentName.ES).Selector.Should().Be(TestMachine.Data0);
        machine.Segment(SegmentName.FS).IsUsable.Should().BeFalse();
    }

    [Test]
    public void A_task_in_virtual_8086_mode()
    {
        TestMachine machine = Prepared();
        machine.Set(Other + 0x24, Eflags.Fixed | Eflags.VM);
        machine.Set(Other + 0x20, 0x100u);

        machine.Run<Jmp>(JumpToOther).Should().BeTrue();

        machine.Now.Cpl.Should().Be(3);
        machine.Segment(SegmentName.DS).Base.Should().Be(TestMachine.Data0 << 4);
    }

    [Test]
    public void The_t_flag_leaves_a_debug_trap_pending()
    {
        TestMachine machine = Prepared();
        machine.Set(Other + 0x64, (ushort)1);

        machine.Run<Jmp>(JumpToOther).Should().BeTrue();

        machine.DebugTrap.Should().Be(DebugBits.BT);
    }

    [Test]
    public void Cr3_is_loaded_with_paging_only()
    {
        TestMachine machine = Prepared();
        machine.Set(Other + 0x1C, 0x77000u);
        machine.Now.System.Cr0 |= Cr0.PG;

        machine.Run<Jmp>(JumpToOther).Should().BeTrue();

        machine.Now.System.Cr3.Should().Be(0x77000);
        machine.Flushes.Should().Be(1);
    }

    [TestCase(TestMachine.OtherTask, Vector.TS, TestName = "Not_busy")]
    [TestCase(TestMachine.Data0, Vector.TS, TestName = "Not_a_task")]
    [TestCase(0x2C, Vector.TS, TestName = "Local")]
    public void A_nested_return_checks_the_back_link(int link, Vector vector)
    {
        TestMachine machine = Prepared();
        machine.Now.Flags |= Eflags.NT;
        machine.Set(TestMachine.Tss, (ushort)link);

        machine.Run<Iretd>(0xCF).Should().BeFalse();

        machine.Fault.Should().Be((vector, (uint)link));
    }

    [Test]
    public void A_monitor_is_asked_once_the_checks_have_passed()
    {
        TestMachine machine = Prepared();
        machine.Intercept = InterceptKind.TaskSwitch;

        machine.Run<Call>(CallOther).Should().BeFalse();

        machine.Exit.Should().Be((InterceptKind.TaskSwitch, (uint)TestMachine.OtherTask, 0u));
    }
}
