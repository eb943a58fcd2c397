using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Iced.Intel;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>VM exits: each reason with what it reports.</summary>
public sealed class ExitTests
{
    private const uint Data = VmxMachine.Data;
    private static readonly AssemblerMemoryOperand Cell = __dword_ptr[ebx + ecx * 4 + 0x10];

    [TestCaseSource(nameof(Instructions))]
    public void An_instruction_exits(int number)
    {
        (string _, Action<Assembler> code, ExitReason reason, uint qualification, Action<VmxMachine> prepare) = Cases().ElementAt(number);
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.nop();
            code(a);
            a.vmcall();
        });
        machine.Processor.Register(3) = Data;
        prepare(machine);
        machine.Run().Should().Be(reason);
        machine.Low(VmcsField.ExitQualification).Should().Be(qualification);
        machine.Low(VmcsField.ExitReason).Should().Be((uint)reason);
        uint rip = machine.Low(VmcsField.GuestRip);
        machine.Skip();
        if (reason != ExitReason.Vmcall)
        {
            rip.Should().BeGreaterThan(VmxMachine.GuestCode);
            machine.Run().Should().Be(ExitReason.Vmcall, "the instruction length leads to the next instruction");
        }
    }

    [TestCaseSource(nameof(Silent))]
    public void An_instruction_does_not_exit(int number)
    {
        (string _, Action<Assembler> code, Action<VmxMachine> prepare) = SilentCases().ElementAt(number);
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            code(a);
            a.vmcall();
        });
        machine.Processor.Register(3) = Data;
        prepare(machine);
        machine.Run().Should().Be(ExitReason.Vmcall);
    }

    [Test]
    public void Masked_bits_read_from_the_shadow_and_keep_their_value()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.mov(eax, cr0);
            a.smsw(ecx);
            a.or(eax, (int)Cr0.MP);
            a.mov(cr0, eax);
            a.clts();
            a.vmcall();
        });
        machine[VmcsField.GuestCr0] |= Cr0.WP;
        machine[VmcsField.Cr0GuestHostMask] = Cr0.WP | Cr0.TS | Cr0.PG;
        machine[VmcsField.Cr0ReadShadow] = 0;
        machine.Run().Should().Be(ExitReason.Vmcall);
        uint seen = Cr0.NE | Cr0.ET | Cr0.PE;
        machine.Processor.Register(0).Should().Be(seen | Cr0.MP);
        machine.Processor.Register(1).Should().Be(seen);
        machine.Low(VmcsField.GuestCr0).Should().Be(seen | Cr0.PG | Cr0.WP | Cr0.MP);
    }

    [Test]
    public void A_page_fault_reports_its_address_and_leaves_CR2_alone()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.mov(__dword_ptr[VmxMachine.Unmapped + 8], eax));
        machine[VmcsField.ExceptionBitmap] = 1 << 14;
        machine.Processor.State.System.Cr2 = 0x1234;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000B0E);
        machine.Low(VmcsField.ExitInterruptionErrorCode).Should().Be(2);
        machine.Low(VmcsField.ExitQualification).Should().Be(VmxMachine.Unmapped + 8);
        machine.Low(VmcsField.GuestRflags).Should().Be(Eflags.Fixed | Eflags.RF);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0);
        machine.Processor.State.System.Cr2.Should().Be(0x1234);
    }

    [TestCase(0u, 0u, true)]
    [TestCase(2u, 2u, true)]
    [TestCase(2u, 0u, false)]
    public void The_page_fault_mask_and_match_decide(uint mask, uint match, bool exits)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.mov(__dword_ptr[VmxMachine.Unmapped], eax));
        machine.Assemble(VmxMachine.Handlers + 14 * 16, a => a.vmcall());
        machine[VmcsField.ExceptionBitmap] = 1 << 14;
        machine[VmcsField.PageFaultErrorCodeMask] = mask;
        machine[VmcsField.PageFaultErrorCodeMatch] = match;
        machine.Run().Should().Be(exits ? ExitReason.ExceptionOrNmi : ExitReason.Vmcall);
        machine.Processor.State.System.Cr2.Should().Be(exits ? 0 : VmxMachine.Unmapped);
    }

    [TestCase("int3", 0x80000603u, 1u)]
    [TestCase("into", 0x80000604u, 1u)]
    [TestCase("int1", 0x80000501u, 1u)]
    public void Software_exceptions_exit_with_their_length(string mnemonic, uint information, uint length)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            switch (mnemonic)
            {
                case "int3": a.int3(); break;
                case "into": a.into(); break;
                default: a.int1(); break;
            }
        });
        machine[VmcsField.ExceptionBitmap] = 0x1A;
        machine[VmcsField.GuestRflags] |= Eflags.OF;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(information);
        machine.Low(VmcsField.ExitInstructionLength).Should().Be(length);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void An_external_interrupt_exits_whatever_IF_is(bool acknowledge)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.Set(VmcsField.PinBasedControls, PinControls.ExternalInterruptExiting);
        machine.Set(VmcsField.ExitControls, acknowledge ? ExitControls.AcknowledgeInterruptOnExit : 0);
        machine.Bus.Interrupt = 0x31;
        machine.Run().Should().Be(ExitReason.ExternalInterrupt);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(acknowledge ? 0x80000031 : 0);
        machine.Bus.Interrupt.HasValue.Should().Be(!acknowledge);
    }

    [Test]
    public void Blocking_by_MOV_SS_holds_an_external_interrupt_back()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.Set(VmcsField.PinBasedControls, PinControls.ExternalInterruptExiting);
        machine[VmcsField.GuestInterruptibility] = Interruptibility.BlockingByMovSs;
        machine.Bus.Interrupt = 0x31;
        machine.Run().Should().Be(ExitReason.ExternalInterrupt);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode + 1);
    }

    [Test]
    public void String_output_reports_its_linear_address()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.mov(esi, 0x1234);
            a.outsb();
        });
        machine.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UnconditionalIoExiting);
        machine[VmcsField.GuestDsBase] = 0x10000;
        machine.Run().Should().Be(ExitReason.IoInstruction);
        machine.Low(VmcsField.GuestLinearAddress).Should().Be(0x11234);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode + 5);
        machine.Processor.Register(6).Should().Be(0x1234);
    }

    [Test]
    public void An_NMI_exits_and_stays_blocked()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.nop());
        machine.Set(VmcsField.PinBasedControls, PinControls.NmiExiting);
        machine.Bus.NmiPending = true;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000202);
        machine.Processor.State.NmiBlocked.Should().BeTrue();
    }

    [Test]
    public void The_interrupt_window_opens_one_instruction_after_STI_and_before_an_interrupt()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.sti();
            a.nop();
            a.hlt();
        });
        machine.Set(VmcsField.ProcessorBasedControls, ProcessorControls.InterruptWindowExiting);
        machine.Bus.Interrupt = 0x31;
        machine.Run().Should().Be(ExitReason.InterruptWindow);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode + 2);
    }

    [Test]
    public void Blocking_by_STI_is_saved_with_the_exit_of_the_next_instruction()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            a.sti();
            a.hlt();
        });
        machine.Set(VmcsField.ProcessorBasedControls, ProcessorControls.HltExiting);
        machine.Run().Should().Be(ExitReason.Hlt);
        machine.Low(VmcsField.GuestInterruptibility).Should().Be(Interruptibility.BlockingBySti);
        machine.Low(VmcsField.GuestActivity).Should().Be(ActivityState.Active);
    }

    [Test]
    public void A_triple_fault_exits()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine[VmcsField.GuestIdtrLimit] = 0;
        machine.Run().Should().Be(ExitReason.TripleFault);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode);
    }

    [Test]
    public void A_fault_while_an_exception_is_delivered_reports_both()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.ud2());
        machine.SetGate(6, 0);
        machine[VmcsField.ExceptionBitmap] = 1 << 13;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000B0D);
        machine.Low(VmcsField.ExitInterruptionErrorCode).Should().Be(6 * 8 + 3);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0x80000306);
    }

    [Test]
    public void A_fault_while_INT_n_is_delivered_reports_its_length()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.@int(0x80));
        machine.SetGate(0x80, 0);
        machine[VmcsField.ExceptionBitmap] = 1 << 13;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0x80000480);
        machine.Low(VmcsField.ExitInstructionLength).Should().Be(2);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode);
    }

    [Test]
    public void A_double_fault_exits_directly()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.int3());
        machine.Assemble(VmxMachine.GuestCode, a => a.mov(__dword_ptr[VmxMachine.Unmapped], eax));
        machine.SetGate(14, 0);
        machine[VmcsField.ExceptionBitmap] = 1 << 8;
        machine.Run().Should().Be(ExitReason.ExceptionOrNmi);
        machine.Low(VmcsField.ExitInterruptionInformation).Should().Be(0x80000B08);
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(0);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_task_switch_exits(bool gate)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a =>
        {
            if (gate)
            {
                a.mov(__dword_ptr[VmxMachine.Unmapped], eax);
            }
            else
            {
                a.call(VmxMachine.OtherTaskSelector, 0);
            }
        });
        machine.SetGate(14, (ulong)0x8500 << 32 | (uint)VmxMachine.OtherTaskSelector << 16);
        machine.Run().Should().Be(ExitReason.TaskSwitch);
        machine.Low(VmcsField.ExitQualification).Should().Be(VmxMachine.OtherTaskSelector | (gate ? 3u << 30 : 0));
        machine.Low(VmcsField.IdtVectoringInformation).Should().Be(gate ? 0x80000B0E : 0);
        machine.Low(VmcsField.IdtVectoringErrorCode).Should().Be(gate ? 2u : 0);
        machine.Low(VmcsField.GuestTrSelector).Should().Be(VmxMachine.TaskSelector);
        machine.Low(VmcsField.GuestRip).Should().Be(VmxMachine.GuestCode);
        machine.Low(VmcsField.ExitInstructionLength).Should().Be(gate ? 0u : 7);
    }

    [Test]
    public void VMREAD_in_the_guest_describes_its_operands()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmread(Cell, edx));
        machine.Run().Should().Be(ExitReason.Vmread);
        machine.Low(VmcsField.ExitQualification).Should().Be(0x10);
        machine.Low(VmcsField.ExitInstructionInformation).Should().Be(2u | 1 << 7 | 3 << 15 | 1 << 18 | 3 << 23 | 2u << 28);
        machine.Assemble(VmxMachine.GuestCode, a => a.vmwrite(esi, edi));
        machine.Run().Should().Be(ExitReason.Vmwrite);
        machine.Low(VmcsField.ExitInstructionInformation).Should().Be(1 << 10 | 7 << 3 | 6u << 28);
    }

    [Test]
    public void The_host_state_is_loaded()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine[VmcsField.HostFsBase] = 0x1000;
        machine[VmcsField.HostGsSelector] = 0;
        machine[VmcsField.HostIa32SysenterEip] = 0x5678;
        machine[VmcsField.GuestDr7] = 0x401;
        machine[VmcsField.GuestRflags] = Eflags.Fixed | Eflags.IF | Eflags.ZF;
        machine.Run();
        ref CpuState state = ref machine.Processor.State;
        state.Fs.Base.Should().Be(0x1000);
        state.Gs.IsUsable.Should().BeFalse();
        state.Cs.Rights.Should().Be(VmxMachine.Code32);
        state.Ss.Rights.Should().Be(VmxMachine.Data32);
        state.Tr.Limit.Should().Be(0x67);
        state.Gdtr.Limit.Should().Be(0xFFFF);
        state.Ldtr.IsUsable.Should().BeFalse();
        state.System.Dr7.Should().Be(0x400);
        state.System.SysenterEip.Should().Be(0x5678);
        machine.Processor.Flags.Should().Be(Eflags.Fixed);
        machine.Low(VmcsField.GuestRflags).Should().Be(Eflags.Fixed | Eflags.IF | Eflags.ZF);
        machine.Low(VmcsField.GuestDr7).Should().Be(0x401);
    }

    [Test]
    public void MSR_lists_are_stored_and_loaded()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Write(VmxMachine.MsrList, 0xC1);
        machine.Write(VmxMachine.MsrList + 8, 0x111);
        machine.Write(VmxMachine.MsrList + 0x40, 0xC1);
        machine.Write(VmxMachine.MsrList + 0x80, 0xC1);
        machine.Write(VmxMachine.MsrList + 0x88, 0x222);
        machine[VmcsField.EntryMsrLoadAddress] = VmxMachine.MsrList;
        machine[VmcsField.ExitMsrStoreAddress] = VmxMachine.MsrList + 0x40;
        machine[VmcsField.ExitMsrLoadAddress] = VmxMachine.MsrList + 0x80;
        machine[VmcsField.EntryMsrLoadCount] = machine[VmcsField.ExitMsrStoreCount] = machine[VmcsField.ExitMsrLoadCount] = 1;
        machine.Run();
        machine.Read(VmxMachine.MsrList + 0x48).Should().Be(0x111);
        machine.Processor.Port.ReadMsr(0xC1, out ulong value).Should().BeTrue();
        value.Should().Be(0x222);
    }

    [Test]
    public void An_MSR_that_cannot_be_loaded_fails_the_entry()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Write(VmxMachine.MsrList, 0xC1);
        machine.Write(VmxMachine.MsrList + 16, 0x480);
        machine[VmcsField.EntryMsrLoadAddress] = VmxMachine.MsrList;
        machine[VmcsField.EntryMsrLoadCount] = 2;
        machine.Run().Should().Be(ExitReason.MsrLoading);
        machine.Low(VmcsField.ExitReason).Should().Be(ExitReasons.EntryFailure | 34);
        machine.Low(VmcsField.ExitQualification).Should().Be(2);
    }

    [TestCase(VmcsField.ExitMsrStoreCount, VmcsField.ExitMsrStoreAddress, VmxAbort.SavingGuestMsrs)]
    [TestCase(VmcsField.ExitMsrLoadCount, VmcsField.ExitMsrLoadAddress, VmxAbort.LoadingHostMsrs)]
    public void An_exit_that_cannot_be_completed_aborts(VmcsField count, VmcsField address, VmxAbort indicator)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Write(VmxMachine.MsrList, 0xDEAD);
        machine[address] = VmxMachine.MsrList;
        machine[count] = 1;
        machine.Vmx.Vmlaunch();
        machine.Processor.Run(1000).Should().Be(RunExit.Shutdown);
        machine.Read(VmxMachine.VmcsRegion + 4).Should().Be((uint)indicator);
    }

    public static IEnumerable<TestCaseData> Instructions() => Cases().Select((c, i) => new TestCaseData(i).SetArgDisplayNames($"{i:00} {c.Name}"));

    public static IEnumerable<TestCaseData> Silent() => SilentCases().Select((c, i) => new TestCaseData(i).SetArgDisplayNames($"{i:00} {c.Name}"));

    private static IEnumerable<Case> Cases()
    {
        yield return new("CPUID", a => a.cpuid(), ExitReason.Cpuid, 0, Nothing);
        yield return new("HLT", a => a.hlt(), ExitReason.Hlt, 0, With(ProcessorControls.HltExiting));
        yield return new("INVD", a => a.invd(), ExitReason.Invd, 0, Nothing);
        yield return new("INVLPG", a => a.invlpg(__byte_ptr[ebx + 4]), ExitReason.Invlpg, Data + 4, With(ProcessorControls.InvlpgExiting));
        yield return new("RDPMC", a => a.rdpmc(), ExitReason.Rdpmc, 0, With(ProcessorControls.RdpmcExiting));
        yield return new("RDTSC", a => a.rdtsc(), ExitReason.Rdtsc, 0, With(ProcessorControls.RdtscExiting));
        yield return new("PAUSE", a => a.pause(), ExitReason.Pause, 0, With(ProcessorControls.PauseExiting));
        yield return new("VMCALL", a => a.vmcall(), ExitReason.Vmcall, 0, Nothing);
        yield return new("VMCLEAR", a => a.vmclear(__qword_ptr[ebx - 8]), ExitReason.Vmclear, 0xFFFFFFF8, Nothing);
        yield return new("VMLAUNCH", a => a.vmlaunch(), ExitReason.Vmlaunch, 0, Nothing);
        yield return new("VMPTRLD", a => a.vmptrld(__qword_ptr[0x1234]), ExitReason.Vmptrld, 0x1234, Nothing);
        yield return new("VMPTRST", a => a.vmptrst(__qword_ptr[ebx]), ExitReason.Vmptrst, 0, Nothing);
        yield return new("VMREAD", a => a.vmread(eax, ecx), ExitReason.Vmread, 0, Nothing);
        yield return new("VMRESUME", a => a.vmresume(), ExitReason.Vmresume, 0, Nothing);
        yield return new("VMWRITE", a => a.vmwrite(eax, ecx), ExitReason.Vmwrite, 0, Nothing);
        yield return new("VMXOFF", a => a.vmxoff(), ExitReason.Vmxoff, 0, Nothing);
        yield return new("VMXON", a => a.vmxon(__qword_ptr[ebx + 0x20]), ExitReason.Vmxon, 0x20, Nothing);
        yield return new("MOV to CR0", a => a.mov(cr0, edx), ExitReason.ControlRegisterAccess, 0x200, m => m[VmcsField.Cr0GuestHostMask] = m[VmcsField.Cr0ReadShadow] = Cr0.PE);
        yield return new("MOV to CR3", a => a.mov(cr3, esi), ExitReason.ControlRegisterAccess, 0x603, Nothing);
        yield return new("MOV to CR4", a => a.mov(cr4, edx), ExitReason.ControlRegisterAccess, 0x204, m => m[VmcsField.Cr4GuestHostMask] = m[VmcsField.Cr4ReadShadow] = Cr4.VMXE);
        yield return new("MOV from CR3", a => a.mov(edi, cr3), ExitReason.ControlRegisterAccess, 0x713, Nothing);
        yield return new("CLTS", a => a.clts(), ExitReason.ControlRegisterAccess, 0x20, m =>
            m[VmcsField.Cr0GuestHostMask] = m[VmcsField.Cr0ReadShadow] = Cr0.TS);
        yield return new("LMSW register", a => { a.mov(ax, 8); a.lmsw(ax); }, ExitReason.ControlRegisterAccess, 0x00080030, m => m[VmcsField.Cr0GuestHostMask] = Cr0.TS);
        yield return new("LMSW memory", a => a.lmsw(__word_ptr[ebx]), ExitReason.ControlRegisterAccess, 0x00010070, m =>
        {
            m.Write(Data, 1);
            m[VmcsField.Cr0GuestHostMask] = Cr0.PE;
        });
        yield return new("MOV to DR7", a => a.mov(dr7, eax), ExitReason.MovDr, 0x7, With(ProcessorControls.MovDrExiting));
        yield return new("MOV from DR6", a => a.mov(edx, dr6), ExitReason.MovDr, 0x216, With(ProcessorControls.MovDrExiting));
        yield return new("IN imm", a => a.@in(al, 0x60), ExitReason.IoInstruction, 0x00600048, With(ProcessorControls.UnconditionalIoExiting));
        yield return new("OUT DX", a => { a.mov(dx, 0x9234); a.@out(dx, eax); }, ExitReason.IoInstruction, 0x92340003, m =>
        {
            With(ProcessorControls.UseIoBitmaps)(m);
            m.Write(VmxMachine.BitmapB + 0x1237 / 8, 1 << (0x1237 & 7));
        });
        yield return new("OUT across the end", a => { a.mov(dx, 0xFFFF); a.@out(dx, ax); }, ExitReason.IoInstruction, 0xFFFF0001, With(ProcessorControls.UseIoBitmaps));
        yield return new("REP OUTSB", a => { a.mov(ecx, 2); a.mov(dx, 0x70); a.rep.outsb(); }, ExitReason.IoInstruction, 0x00700030, With(ProcessorControls.UnconditionalIoExiting));
        yield return new("INSD", a => { a.mov(dx, 0x70); a.insd(); }, ExitReason.IoInstruction, 0x0070001B, With(ProcessorControls.UnconditionalIoExiting));
        yield return new("RDMSR", a => { a.mov(ecx, 0x10); a.rdmsr(); }, ExitReason.Rdmsr, 0, Nothing);
        yield return new("WRMSR of a missing MSR", a => { a.mov(ecx, 0xDEAD); a.wrmsr(); }, ExitReason.Wrmsr, 0, Nothing);
        yield return new("WRMSR by bitmap", a => { a.mov(ecx, 0xC0000080u); a.wrmsr(); }, ExitReason.Wrmsr, 0, m =>
        {
            With(ProcessorControls.UseMsrBitmaps)(m);
            m.Write(VmxMachine.MsrBitmaps + 0xC00 + 0x80 / 8, 1);
        });
    }

    private static IEnumerable<SilentCase> SilentCases()
    {
        yield return new("CR3 target", a => { a.mov(eax, VmxMachine.Directory); a.mov(cr3, eax); }, m =>
        {
            m[VmcsField.Cr3TargetValue1] = VmxMachine.Directory;
            m[VmcsField.Cr3TargetCount] = 2;
        });
        yield return new("RDTSC", a => a.rdtsc(), Nothing);
        yield return new("WBINVD", a => a.wbinvd(), Nothing);
        yield return new("SGDT", a => a.sgdt(__fword_ptr[ebx]), Nothing);
        yield return new("port whose bit is clear", a => a.@out(0x80, al), With(ProcessorControls.UseIoBitmaps | ProcessorControls.UnconditionalIoExiting));
        yield return new("MSR whose bit is clear", a => { a.mov(ecx, 0x10); a.rdmsr(); }, With(ProcessorControls.UseMsrBitmaps));
        yield return new("INT n", a => a.@int(0x80), m =>
        {
            m[VmcsField.ExceptionBitmap] = uint.MaxValue;
            m.Assemble(VmxMachine.Handlers + 0x800, a => a.vmcall());
        });
        yield return new("string output", a => { a.mov(esi, ebx); a.mov(ecx, 3); a.mov(dx, 0x80); a.rep.outsb(); }, With(ProcessorControls.UseIoBitmaps));
    }

    private static void Nothing(VmxMachine machine)
    {
    }

    private static Action<VmxMachine> With(uint control) => m => m.Set(VmcsField.ProcessorBasedControls, control);

    private sealed record Case(string Name, Action<Assembler> Code, ExitReason Reason, uint Qualification, Action<VmxMachine> Prepare);

    private sealed record SilentCase(string Name, Action<Assembler> Code, Action<VmxMachine> Prepare);
}
