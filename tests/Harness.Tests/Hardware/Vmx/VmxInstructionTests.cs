using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Iced.Intel;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>VMX instructions as a hypervisor's own code executes them.</summary>
public sealed class VmxInstructionTests
{
    private const uint Program = 0x60000;
    private const uint Pointer = VmxMachine.Data;
    private const uint Result = VmxMachine.Data + 0x100;

    [Test]
    public void A_hypervisor_in_guest_code_launches_a_guest_and_gets_its_exit()
    {
        using var machine = new VmxMachine();
        (VmcsField Field, ulong Value)[] state = [.. VmxMachine.ValidState()];
        uint table = VmxMachine.Data + 0x200;
        for (int i = 0; i < state.Length; i++)
        {
            machine.Write(table + (uint)i * 8, (uint)state[i].Field);
            machine.Write(table + (uint)i * 8 + 4, (uint)state[i].Value);
        }

        machine.Write(Pointer, VmxMachine.VmxonRegion);
        machine.Write(Pointer + 8, VmxMachine.VmcsRegion);
        machine.Assemble(Program, a =>
        {
            Label next = a.CreateLabel();
            a.vmxon(__qword_ptr[Pointer]);
            a.vmclear(__qword_ptr[Pointer + 8]);
            a.vmptrld(__qword_ptr[Pointer + 8]);
            a.mov(esi, table);
            a.mov(ecx, (uint)state.Length);
            a.Label(ref next);
            a.mov(eax, __dword_ptr[esi]);
            a.vmwrite(eax, __dword_ptr[esi + 4]);
            a.add(esi, 8);
            a.loop(next);
            a.mov(eax, (uint)VmcsField.VmcsLinkPointer + 1);
            a.mov(edx, uint.MaxValue);
            a.vmwrite(eax, edx);
            a.vmlaunch();
            a.hlt();
        });
        machine.Assemble(VmxMachine.GuestCode, a => a.cpuid());
        machine.Assemble(VmxMachine.HostEntry, a =>
        {
            a.mov(eax, (uint)VmcsField.ExitReason);
            a.vmread(__dword_ptr[Result], eax);
            a.mov(eax, (uint)VmcsField.GuestRip);
            a.vmread(ebx, eax);
            a.vmptrst(__qword_ptr[Result + 8]);
            a.vmcall();
            a.pushfd();
            a.pop(ebp);
            a.mov(eax, (uint)VmcsField.InstructionError);
            a.vmread(edi, eax);
            a.vmxoff();
            a.hlt();
        });
        var events = new Recorder();
        machine.Vmx.Unit.Events = events;
        machine.Processor.State.Eip = Program;

        machine.Processor.Run(10_000).Should().Be(RunExit.HaltedForever);

        machine.Read(Result).Should().Be((uint)ExitReason.Cpuid);
        machine.Processor.Register(3).Should().Be(VmxMachine.GuestCode);
        machine.Read(Result + 8).Should().Be(VmxMachine.VmcsRegion);
        (machine.Processor.Register(5) & Eflags.Status).Should().Be(Eflags.ZF);
        machine.Processor.Register(7).Should().Be((uint)VmInstructionError.VmcallInRoot);
        machine.Vmx.Unit.InOperation.Should().BeFalse();
        events.Lines.Where(l => !l.StartsWith("VMWRITE", StringComparison.Ordinal)).Should().Equal(
            "VMXON 0", "VMCLEAR 0", "VMPTRLD 0", "VMLAUNCH 0", "entry 00030000", "CPUID 10 at 00030000",
            "VMREAD 0", "VMREAD 0", "VMPTRST 0", "VMCALL 1", "VMREAD 0", "VMXOFF 0");
    }

    [Test]
    public void Each_error_number_that_the_model_can_give()
    {
        using var machine = new VmxMachine();
        VmxInstructions vmx = machine.Vmx;
        vmx.Vmxon(new PhysicalAddress(VmxMachine.Data)).Should().Be(VmxResult.FailInvalid, "the region has no revision identifier");
        vmx.Vmxon(new PhysicalAddress(VmxMachine.VmxonRegion + 1)).Should().Be(VmxResult.FailInvalid);
        vmx.Vmxon(new PhysicalAddress(VmxMachine.VmxonRegion)).Succeeded.Should().BeTrue();
        vmx.Vmwrite(VmcsField.GuestRip, 0).Should().Be(VmxResult.FailInvalid, "there is no current VMCS");
        vmx.Vmptrst().Value.Should().Be(ulong.MaxValue);
        vmx.Vmlaunch().Should().Be(VmxResult.FailInvalid);
        machine.EnterOperation();

        Expect(15, vmx.Vmxon(new PhysicalAddress(VmxMachine.VmxonRegion)));
        Expect(2, vmx.Vmclear(new PhysicalAddress(VmxMachine.VmcsRegion + 8)));
        Expect(2, vmx.Vmclear(new PhysicalAddress(1ul << 32)));
        Expect(3, vmx.Vmclear(new PhysicalAddress(VmxMachine.VmxonRegion)));
        Expect(9, vmx.Vmptrld(new PhysicalAddress(1)));
        Expect(10, vmx.Vmptrld(new PhysicalAddress(VmxMachine.VmxonRegion)));
        Expect(11, vmx.Vmptrld(new PhysicalAddress(VmxMachine.Data)));
        Expect(12, vmx.Vmwrite((VmcsField)0x401C, 0), "the processor has no TPR shadow");
        Expect(13, vmx.Vmwrite(VmcsField.ExitReason, 0));
        Expect(5, vmx.Vmresume());
        machine.Processor.State.Shadow = Shadow.MovSs;
        Expect(26, vmx.Vmlaunch());
        machine.Processor.State.Shadow = Shadow.None;
        machine.Assemble(VmxMachine.GuestCode, a => a.vmcall());
        machine.Run().Should().Be(ExitReason.Vmcall);
        Expect(4, vmx.Vmlaunch());
        vmx.Vmclear(new PhysicalAddress(VmxMachine.VmcsRegion));
        vmx.Vmptrst().Value.Should().Be(ulong.MaxValue);

        void Expect(uint error, VmxResult result, string because = "")
        {
            result.Should().Be(new VmxResult(VmxOutcome.FailValid, (VmInstructionError)error), because);
            machine.Low(VmcsField.InstructionError).Should().Be(error);
        }
    }

    [Test]
    public void Fields_lie_in_memory_and_a_clear_VMCS_can_be_loaded_again()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine[VmcsField.TscOffset] = 0x1122334455667788;
        VmcsFieldRow row = VmcsFields.Row(VmcsField.TscOffset);
        machine.Read(VmxMachine.VmcsRegion + (uint)row.Offset).Should().Be(0x55667788);
        machine.Write(VmxMachine.VmcsRegion + (uint)row.Offset + 4, 0xAABBCCDD);
        machine.Vmx.Vmclear(new PhysicalAddress(VmxMachine.VmcsRegion));
        machine.Vmx.Vmptrld(new PhysicalAddress(VmxMachine.VmcsRegion));
        machine[VmcsField.TscOffset].Should().Be(0xAABBCCDD55667788);
    }

    [TestCase(0u, Cr4.VMXE, 5u, 6, TestName = "VMXON without CR0.PE is #UD")]
    [TestCase(Cr0.PE | Cr0.PG | Cr0.NE, 0u, 5u, 6, TestName = "VMXON without CR4.VMXE is #UD")]
    [TestCase(Cr0.PE | Cr0.PG, Cr4.VMXE, 5u, 13, TestName = "VMXON without CR0.NE is #GP")]
    [TestCase(Cr0.PE | Cr0.PG | Cr0.NE, Cr4.VMXE, 4u, 13, TestName = "VMXON with IA32_FEATURE_CONTROL unlocked is #GP")]
    [TestCase(Cr0.PE | Cr0.PG | Cr0.NE, Cr4.VMXE, 1u, 13, TestName = "VMXON with IA32_FEATURE_CONTROL locked without VMX is #GP")]
    public void VMXON_needs(uint cr0, uint cr4, uint featureControl, int vector)
    {
        using var machine = new VmxMachine();
        machine.Vmx.Unit.Reset();
        machine.Processor.Port.WriteMsr(Msr.IA32_FEATURE_CONTROL, featureControl).Should().BeTrue();
        ref SystemRegisters system = ref machine.Processor.State.System;
        (system.Cr0, system.Cr4) = (cr0 | Cr0.ET, cr4 | Cr4.PSE);
        machine.Write(Pointer, VmxMachine.VmxonRegion);
        Faults(machine, vector, a => a.vmxon(__qword_ptr[Pointer]));
    }

    [Test]
    public void Outside_VMX_operation_the_others_are_undefined()
    {
        Action<Assembler>[] programs =
        [
            a => a.vmxoff(), a => a.vmcall(), a => a.vmlaunch(), a => a.vmresume(), a => a.vmclear(__qword_ptr[Pointer]), a => a.vmptrld(__qword_ptr[Pointer]),
            a => a.vmptrst(__qword_ptr[Pointer]), a => a.vmread(eax, edx), a => a.vmwrite(eax, edx),
        ];
        foreach (Action<Assembler> program in programs)
        {
            using var machine = new VmxMachine();
            Faults(machine, (int)Vector.UD, program);
        }
    }

    [Test]
    public void VMX_operation_fixes_bits_of_CR0_and_CR4()
    {
        Action<Assembler>[] programs =
        [
            a => { a.mov(eax, cr0); a.and(eax, unchecked((int)~Cr0.NE)); a.mov(cr0, eax); },
            a => { a.mov(eax, cr0); a.and(eax, unchecked((int)~Cr0.PG)); a.mov(cr0, eax); },
            a => { a.mov(eax, cr4); a.and(eax, unchecked((int)~Cr4.VMXE)); a.mov(cr4, eax); },
        ];
        foreach (Action<Assembler> program in programs)
        {
            using var machine = new VmxMachine();
            machine.EnterOperation();
            Faults(machine, (int)Vector.GP, program);
        }
    }

    private static void Faults(VmxMachine machine, int vector, Action<Assembler> program)
    {
        machine.Assemble(Program, program);
        machine.Processor.StateChanged();
        machine.Processor.State.Eip = Program;
        var seen = new Deliveries();
        machine.Processor.Events = seen;
        machine.Processor.Run(machine.Processor.Ticks + 4);
        seen.First.Should().Be((byte)vector);
    }

    private sealed class Deliveries : IProcessorEvents
    {
        public byte? First { get; private set; }

        public void Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl) => First ??= vector;
    }

    private sealed class Recorder : IVirtualizationEvents
    {
        public List<string> Lines { get; } = [];

        public void Exit(string name, uint reason, ulong qualification, uint guestEip, int guestCpl) => Lines.Add($"{name} {reason} at {guestEip:X8}");

        public void Entry(uint guestEip, uint injection) => Lines.Add($"entry {guestEip:X8}");

        public void Instruction(string name, int failure) => Lines.Add($"{name} {failure}");
    }
}
