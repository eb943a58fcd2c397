using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>Event injection and the non-register state that a VM entry loads.</summary>
public sealed class InjectionTests
{
    [TestCase(0x80000031u, 0x200u, VmxMachine.GuestCode, TestName = "An external interrupt")]
    [TestCase(0x80000306u, 0u, VmxMachine.GuestCode, TestName = "A hardware exception pushes RF as it is")]
    [TestCase(0x80000480u, 0u, VmxMachine.GuestCode + 2, TestName = "A software interrupt pushes the next instruction")]
    [TestCase(0x80000603u, 0u, VmxMachine.GuestCode + 2, TestName = "A software exception pushes the next instruction")]
    public void An_event_is_delivered_before_the_first_instruction(uint information, uint flags, uint returnAddress)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine.Assemble(VmxMachine.Handlers + (information & 0xFF) * 16, a => a.vmcall());
        machine[VmcsField.EntryInterruptionInformation] = information;
        machine[VmcsField.EntryInstructionLength] = 2;
        machine[VmcsField.GuestRflags] |= flags;
        machine.Run().Should().Be(ExitReason.Vmcall);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.Handlers + (information & 0xFF) * 16);
        machine.Low(VmcsField.GuestRsp).Should().Be(VmxMachine.Stack - 12);
        machine.Read(VmxMachine.Stack - 12).Should().Be(returnAddress);
        machine.Read(VmxMachine.Stack - 8).Should().Be(VmxMachine.CodeSelector);
        machine.Read(VmxMachine.Stack - 4).Should().Be(Eflags.Fixed | flags);
        machine.Low(VmcsField.EntryInterruptionInformation).Should().Be(information & 0x7FFFFFFF, "a VM exit clears the valid bit");
    }

    [Test]
    public void An_error_code_is_pushed()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.Assemble(VmxMachine.Handlers + 13 * 16, a => a.vmcall());
        machine[VmcsField.EntryInterruptionInformation] = 0x80000B0D;
        machine[VmcsField.EntryExceptionErrorCode] = 0x1234;
        machine.Run().Should().Be(ExitReason.Vmcall);
        machine.Read(VmxMachine.Stack - 16).Should().Be(0x1234);
    }

    [Test]
    public void A_fault_while_an_event_is_injected_reports_the_event()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.SetGate(0x80, 0);
        machine[VmcsField.ExceptionBitmap] = 1 << 13;
        machine[VmcsField.EntryInterruptionInformation] = 0x80000480;
        machine[VmcsField.EntryInstructionLength] = 3;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000B0D);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0x80000480);
        machine.Low(VmcsField.ExitInstructionLength).Should().Be(3);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode);
    }

    [Test]
    public void An_injected_NMI_blocks_others_until_IRET()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Assemble(VmxMachine.Handlers + 2 * 16, a =>
        {
            a.vmcall();
            a.iretd();
        });
        machine[VmcsField.EntryInterruptionInformation] = 0x80000202;
        machine.Run().Should().Be(ExitReason.Vmcall);
        machine.Low(VmcsField.GuestInterruptibility).Should().Be(Interruptibility.BlockingByNmi);
        machine.Skip();
        machine.Run().Should().Be(ExitReason.Vmcall);
        machine.Low(VmcsField.GuestInterruptibility).Should().Be(0);
    }

    [Test]
    public void A_guest_that_enters_in_HLT_waits_for_the_injected_interrupt()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine.Assemble(VmxMachine.Handlers + 0x20 * 16, a => a.vmcall());
        machine[VmcsField.GuestActivity] = ActivityState.Hlt;
        machine[VmcsField.GuestRflags] |= Eflags.IF;
        machine[VmcsField.EntryInterruptionInformation] = 0x80000020;
        machine.Run().Should().Be(ExitReason.Vmcall);
        machine.Low(VmcsField.GuestActivity).Should().Be(ActivityState.Active);
    }

    [Test]
    public void An_interrupt_that_exits_from_HLT_leaves_the_activity_state()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine[VmcsField.GuestActivity] = ActivityState.Hlt;
        machine.Set(VmcsField.PinBasedControls, PinControls.ExternalInterruptExiting);
        machine.Bus.Interrupt = 0x20;
        machine.Run().Should().Be(ExitReason.ExternalInterrupt);
        machine.Low(VmcsField.GuestActivity).Should().Be(ActivityState.Hlt);
    }

    [Test]
    public void A_pending_debug_exception_is_delivered_and_can_exit()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine[VmcsField.GuestPendingDebugExceptions] = PendingDebug.BS;
        machine[VmcsField.ExceptionBitmap] = 1 << 1;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000301);
        machine.Low(VmcsField.ExitQualification).Should().Be(PendingDebug.BS);
        machine.Low(VmcsField.GuestPendingDebugExceptions).Should().Be(0);
        machine.Low(VmcsField.GuestRflags).Should().Be(Eflags.Fixed);
    }

    [Test]
    public void Debug_exceptions_that_MOV_SS_holds_back_are_pending_at_the_exit_of_the_next_instruction_and_again_after_the_next_entry()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.mov(ss, eax);
            a.cpuid();
            a.nop();
        });
        machine.Processor.Register(0) = machine.Low(VmcsField.GuestSsSelector);
        machine[VmcsField.GuestRflags] |= Eflags.TF;
        machine[VmcsField.ExceptionBitmap] = 1 << 1;
        machine.Run().Should().Be(ExitReason.Cpuid);
        machine.Low(VmcsField.GuestPendingDebugExceptions).Should().Be(PendingDebug.BS);
        machine.Low(VmcsField.GuestInterruptibility).Should().Be(Interruptibility.BlockingByMovSs);

        machine[VmcsField.GuestRip] = machine.Low(VmcsField.GuestRip) + machine.Low(VmcsField.ExitInstructionLength);
        machine[VmcsField.GuestInterruptibility] = 0;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitQualification).Should().Be(PendingDebug.BS);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode + 4);
        machine.Low(VmcsField.GuestPendingDebugExceptions).Should().Be(0);
    }

    [Test]
    public void Debug_exceptions_that_MOV_SS_holds_back_survive_the_exit_of_a_fault_and_not_its_delivery()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.mov(ss, eax);
            a.ud2();
        });
        machine.Processor.Register(0) = machine.Low(VmcsField.GuestSsSelector);
        machine[VmcsField.GuestRflags] |= Eflags.TF;
        machine[VmcsField.ExceptionBitmap] = 1 << 6;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.GuestPendingDebugExceptions).Should().Be(PendingDebug.BS);
        machine.Processor.State.PendingDebug.Should().Be(0);
    }

    [Test]
    public void A_virtual_8086_guest_runs_and_its_general_protection_fault_exits()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.Write(0x60000, 0x90, 0xFA);
        machine[VmcsField.GuestRflags] |= Eflags.VM;
        machine[VmcsField.GuestRip] = 0;
        machine[VmcsField.ExceptionBitmap] = 1 << 13;
        machine[VmcsField.GuestRsp] = 0x100;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            machine[GuestSegment.SelectorField(name)] = 0x6000;
            machine[GuestSegment.BaseField(name)] = 0x60000;
            machine[GuestSegment.LimitField(name)] = 0xFFFF;
            machine[GuestSegment.RightsField(name)] = 0xF3;
        }

        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000B0D);
        machine.Low(VmcsField.GuestRip).Should().Be(1);
        machine.Processor.State.Cpl.Should().Be(0);
        machine.Processor.Run(machine.Processor.Ticks + 1).Should().Be(RunExit.Sentinel);
    }

    [Test]
    public void The_TSC_offset_counts_in_the_guest_alone()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.rdtsc();
            a.vmcall();
        });
        machine.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UseTscOffsetting);
        machine[VmcsField.TscOffset] = 0x500000000;
        machine.Run();
        machine.Processor.Register(2).Should().Be(5);
        machine.Processor.TimeStamp.Should().BeLessThan(0x100000000);
    }
}
