using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Hardware.Vmx.Checks;
using Harness.Isa;
using NUnit.Framework;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>Each check of a VM entry fails from a state that passes them all, by the smallest change.</summary>
public sealed class EntryCheckTests
{
    private const uint Valid = InterruptionInformation.Valid;

    private static readonly SegmentName[] Data = [SegmentName.SS, SegmentName.DS, SegmentName.ES, SegmentName.FS, SegmentName.GS];
    private static readonly SegmentName[] Six = [SegmentName.CS, .. Data];

    [Test]
    public void The_valid_state_passes_every_check()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Run().Should().Be(ExitReason.Vmcall);
    }

    [TestCaseSource(nameof(Failures))]
    public void A_check_fails(int number)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        ExpectFailure(machine, number, m => m.Vmx.Vmlaunch());
    }

    [TestCaseSource(nameof(Failures))]
    public void A_check_fails_where_the_entry_before_passed_it(int number)
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Run().Should().Be(ExitReason.Vmcall);
        ExpectFailure(machine, number, m => m.Vmx.Vmresume());
    }

    private static void ExpectFailure(VmxMachine machine, int number, Func<VmxMachine, VmxResult> enter)
    {
        (string rule, VmcsField field, ulong flipped, Action<VmxMachine> prepare) = Cases().ElementAt(number);
        prepare(machine);
        Outcome(machine).Rule.Should().BeNull("the state must be valid before the change");
        machine[field] ^= flipped;
        (string? failed, uint qualification) = Outcome(machine);
        failed.Should().Be(rule);

        VmxResult result = enter(machine);
        if (EntryChecks.Controls.Any(c => c.Rule == rule))
        {
            result.Should().Be(new VmxResult(VmxOutcome.FailValid, VmInstructionError.EntryInvalidControls));
            machine.Low(VmcsField.InstructionError).Should().Be(7);
        }
        else if (EntryChecks.Host.Any(c => c.Rule == rule && VmcsFields.Row(field).Type == VmcsType.Host))
        {
            result.Should().Be(new VmxResult(VmxOutcome.FailValid, VmInstructionError.EntryInvalidHostState));
            machine.Low(VmcsField.InstructionError).Should().Be(8);
        }
        else
        {
            result.Succeeded.Should().BeTrue();
            machine.Low(VmcsField.ExitReason).Should().Be(ExitReasons.EntryFailure | 33);
            machine.Low(VmcsField.ExitQualification).Should().Be(qualification);
            machine.Processor.State.Eip.Should().Be(VmxMachine.HostEntry);
            machine.Processor.IsGuest.Should().BeFalse();
        }
    }

    [Test]
    public void Every_check_has_a_case()
    {
        string[] tested = [.. Cases().Select(c => c.Rule).Distinct()];
        string[] rules = [.. EntryChecks.Controls.Concat(EntryChecks.Host).Concat(EntryChecks.Guest).Select(c => c.Rule).Distinct()];
        tested.Should().BeEquivalentTo(rules);
    }

    public static IEnumerable<TestCaseData> Failures() => Cases().Select((c, i) =>
        new TestCaseData(i).SetArgDisplayNames($"{i:000} {c.Rule}"));

    private static (string? Rule, uint Qualification) Outcome(VmxMachine machine)
    {
        var image = new VmcsImage();
        foreach (VmcsFieldRow row in VmcsFields.Rows)
        {
            image[row] = machine[row.Field];
        }

        var context = new EntryContext(image, machine.Vmx.Unit.Capabilities, machine.Processor.Memory);
        EntryCheck? failed = EntryChecks.FirstFailure(EntryChecks.Controls, context)
            ?? EntryChecks.FirstFailure(EntryChecks.Host, context)
            ?? EntryChecks.FirstFailure(EntryChecks.Guest, context);
        return (failed?.Rule, failed?.Qualification ?? 0);
    }

    private static IEnumerable<Case> Cases() => [.. Controls(), .. Host(), .. Registers(), .. Segments(), .. Virtual8086(), .. Events()];

    private static IEnumerable<Case> Controls()
    {
        yield return new("pin-based controls keep their reserved bits", VmcsField.PinBasedControls, 0x2);
        yield return new("pin-based controls keep their reserved bits", VmcsField.PinBasedControls, 1u << 5);
        yield return new("processor-based controls keep their reserved bits", VmcsField.ProcessorBasedControls, 0x2);
        yield return new("processor-based controls keep their reserved bits", VmcsField.ProcessorBasedControls, 1u << 31);
        yield return new("the CR3-target count is one that the processor has", VmcsField.Cr3TargetCount, 5);
        yield return new("I/O bitmap A is a page", VmcsField.IoBitmapA, 1, m => m.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UseIoBitmaps));
        yield return new("I/O bitmap A is a page", VmcsField.IoBitmapA, 1ul << 32, m => m.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UseIoBitmaps));
        yield return new("I/O bitmap B is a page", VmcsField.IoBitmapB, 0x800, m => m.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UseIoBitmaps));
        yield return new("the MSR bitmaps are a page", VmcsField.MsrBitmaps, 1, m => m.Set(VmcsField.ProcessorBasedControls, ProcessorControls.UseMsrBitmaps));
        yield return new("VM-exit controls keep their reserved bits", VmcsField.ExitControls, 1u << 9);
        yield return new("the VM-exit MSR-store list lies in memory", VmcsField.ExitMsrStoreAddress, 8, m => m[VmcsField.ExitMsrStoreCount] = 1);
        yield return new("the VM-exit MSR-load list lies in memory", VmcsField.ExitMsrLoadAddress, 1ul << 32, m => m[VmcsField.ExitMsrLoadCount] = 1);
        yield return new("VM-entry controls keep their reserved bits", VmcsField.EntryControls, 1u << 9);
        yield return new("the injected event has a type that the processor has", VmcsField.EntryInterruptionInformation, 1u << 8, m =>
            Inject(m, InterruptionInformation.Of(32, InterruptionInformation.ExternalInterrupt, errorCode: false), Eflags.IF));
        yield return new("the vector fits the type", VmcsField.EntryInterruptionInformation, 1, m => Inject(m, Valid | 0x202, 0));
        yield return new("the vector fits the type", VmcsField.EntryInterruptionInformation, 32, m => Inject(m, Valid | 0x306, 0));
        yield return new("an error code is delivered where the vector has one, and only there", VmcsField.EntryInterruptionInformation, 0x800, m =>
            Inject(m, Valid | 0xB0D, 0));
        yield return new("an error code is delivered where the vector has one, and only there", VmcsField.EntryInterruptionInformation, 0x800, m =>
            Inject(m, Valid | 0x306, 0));
        yield return new("reserved bits of the interruption information are 0", VmcsField.EntryInterruptionInformation, 1u << 12, m => Inject(m, Valid | 0x306, 0));
        yield return new("reserved bits of the error code are 0", VmcsField.EntryExceptionErrorCode, 1u << 15, m => Inject(m, Valid | 0xB0D, 0));
        yield return new("a software event has an instruction length of 1 to 15", VmcsField.EntryInstructionLength, 1, m =>
        {
            Inject(m, Valid | 0x480, 0);
            m[VmcsField.EntryInstructionLength] = 1;
        });
        yield return new("a software event has an instruction length of 1 to 15", VmcsField.EntryInstructionLength, 0x10, m =>
        {
            Inject(m, Valid | 0x603, 0);
            m[VmcsField.EntryInstructionLength] = 1;
        });
        yield return new("the VM-entry MSR-load list lies in memory", VmcsField.EntryMsrLoadAddress, 4, m => m[VmcsField.EntryMsrLoadCount] = 1);
    }

    private static IEnumerable<Case> Host()
    {
        yield return new("CR0 has the bits that VMX operation fixes", VmcsField.HostCr0, Cr0.NE);
        yield return new("CR4 has the bits that VMX operation fixes", VmcsField.HostCr4, Cr4.VMXE);
        VmcsField[] fields =
        [
            VmcsField.HostEsSelector, VmcsField.HostCsSelector, VmcsField.HostSsSelector, VmcsField.HostDsSelector,
            VmcsField.HostFsSelector, VmcsField.HostGsSelector, VmcsField.HostTrSelector,
        ];
        foreach (VmcsField field in fields)
        {
            string name = field.ToString()[4..6].ToUpperInvariant();
            yield return new($"{name} has RPL 0 and lies in the GDT", field, 1);
            yield return new($"{name} has RPL 0 and lies in the GDT", field, 4);
        }

        yield return new("CS is not 0", VmcsField.HostCsSelector, VmxMachine.CodeSelector);
        yield return new("TR is not 0", VmcsField.HostTrSelector, VmxMachine.TaskSelector);
        yield return new("SS is not 0", VmcsField.HostSsSelector, VmxMachine.DataSelector);
    }

    private static IEnumerable<Case> Registers()
    {
        yield return new("CR0 has the bits that VMX operation fixes", VmcsField.GuestCr0, Cr0.PG);
        yield return new("CR4 has the bits that VMX operation fixes", VmcsField.GuestCr4, 1u << 14);
        yield return new("IA32_DEBUGCTL has no reserved bit", VmcsField.GuestIa32Debugctl, 1);
        yield return new("the GDTR limit has 16 bits", VmcsField.GuestGdtrLimit, 0x10000);
        yield return new("the IDTR limit has 16 bits", VmcsField.GuestIdtrLimit, 0x10000);
        yield return new("RFLAGS has no reserved bit", VmcsField.GuestRflags, 2);
        yield return new("RFLAGS has no reserved bit", VmcsField.GuestRflags, 8);
        yield return new("RFLAGS has no reserved bit", VmcsField.GuestRflags, 1u << 22);
        yield return new("IF is set where an external interrupt is injected", VmcsField.GuestRflags, Eflags.IF, m => Inject(m, Valid | 0x20, Eflags.IF));
    }

    private static IEnumerable<Case> Segments()
    {
        yield return new("TR lies in the GDT", VmcsField.GuestTrSelector, 4);
        yield return new("LDTR lies in the GDT", VmcsField.GuestLdtrSelector, 4, UsableLdtr);
        yield return new("SS has the RPL of CS", VmcsField.GuestCsSelector, 1);
        yield return new("CS type is accessed code", VmcsField.GuestCsAccessRights, 1);
        yield return new("CS type is accessed code", VmcsField.GuestCsAccessRights, 8);
        yield return new("SS type is accessed writable data", VmcsField.GuestSsAccessRights, 2);
        yield return new("CS DPL fits the CPL", VmcsField.GuestCsAccessRights, 0x20);
        yield return new("CS DPL fits the CPL", VmcsField.GuestCsAccessRights, 0x20, m => m[VmcsField.GuestCsAccessRights] |= 4);
        yield return new("SS DPL is its RPL", VmcsField.GuestSsAccessRights, 0x20, m => m[VmcsField.GuestCsAccessRights] |= 4);
        foreach (SegmentName name in Data[1..])
        {
            yield return new($"{name} type is accessed", GuestSegment.RightsField(name), 1);
            yield return new($"{name} type is readable", GuestSegment.RightsField(name), 2, m => m[GuestSegment.RightsField(name)] |= 8);
            yield return new($"{name} DPL is not below its RPL", GuestSegment.SelectorField(name), 3);
        }

        foreach (SegmentName name in Six.Concat([SegmentName.TR, SegmentName.LDTR]))
        {
            VmcsField rights = GuestSegment.RightsField(name);
            Action<VmxMachine> prepare = name == SegmentName.LDTR ? UsableLdtr : _ => { };
            yield return new(name >= SegmentName.LDTR ? $"{name} is a system segment" : $"{name} is code or data", rights, 0x10, prepare);
            yield return new($"{name} is present", rights, 0x80, prepare);
            yield return new($"{name} access rights 11:8 are 0", rights, 0x100, prepare);
            yield return new($"{name} access rights 31:17 are 0", rights, 0x20000, prepare);
            yield return new($"{name} G fits the limit", rights, AccessRights.G, prepare);
            yield return new($"{name} G fits the limit", GuestSegment.LimitField(name), name >= SegmentName.LDTR ? 0x100000u : 1u, prepare);
        }

        yield return new("TR is a busy TSS", VmcsField.GuestTrAccessRights, SystemType.BusyBit);
        yield return new("TR is usable", VmcsField.GuestTrAccessRights, AccessRights.Unusable);
        yield return new("LDTR is an LDT", VmcsField.GuestLdtrAccessRights, 1, UsableLdtr);
    }

    private static IEnumerable<Case> Virtual8086()
    {
        foreach (SegmentName name in Six)
        {
            yield return new($"{name} base in virtual-8086 mode is the selector times 16", GuestSegment.BaseField(name), 0x10, EnterVirtual8086);
            yield return new($"{name} limit in virtual-8086 mode is FFFFh", GuestSegment.LimitField(name), 1, EnterVirtual8086);
            yield return new($"{name} access rights in virtual-8086 mode are F3h", GuestSegment.RightsField(name), 1, EnterVirtual8086);
        }
    }

    private static IEnumerable<Case> Events()
    {
        yield return new("the activity state is one that the processor has", VmcsField.GuestActivity, ActivityState.Shutdown);
        yield return new("the activity state is one that the processor has", VmcsField.GuestActivity, ActivityState.WaitForSipi);
        yield return new("HLT needs CPL 0", VmcsField.GuestActivity, ActivityState.Hlt, EnterVirtual8086);
        yield return new("blocking by STI or MOV SS needs the active state", VmcsField.GuestActivity, ActivityState.Hlt, m =>
            m[VmcsField.GuestInterruptibility] = Interruptibility.BlockingByMovSs);
        yield return new("an event injected into HLT is one that ends it", VmcsField.GuestActivity, ActivityState.Hlt, m => Inject(m, Valid | 0x306, 0));
        yield return new("reserved bits of the interruptibility state are 0", VmcsField.GuestInterruptibility, 0x10);
        yield return new("blocking is not by both STI and MOV SS", VmcsField.GuestInterruptibility, Interruptibility.BlockingBySti, m =>
        {
            m[VmcsField.GuestRflags] = Eflags.Fixed | Eflags.IF;
            m[VmcsField.GuestInterruptibility] = Interruptibility.BlockingByMovSs;
        });
        yield return new("blocking by STI needs IF", VmcsField.GuestInterruptibility, Interruptibility.BlockingBySti);
        yield return new("nothing blocks an external interrupt that is injected", VmcsField.GuestInterruptibility, Interruptibility.BlockingBySti, m =>
            Inject(m, Valid | 0x20, Eflags.IF));
        yield return new("nothing blocks an external interrupt that is injected", VmcsField.GuestInterruptibility, Interruptibility.BlockingByMovSs, m =>
            Inject(m, Valid | 0x20, Eflags.IF));
        yield return new("MOV SS does not block an NMI that is injected", VmcsField.GuestInterruptibility, Interruptibility.BlockingByMovSs, m =>
            Inject(m, Valid | 0x202, 0));
        yield return new("STI does not block an NMI that is injected", VmcsField.GuestInterruptibility, Interruptibility.BlockingBySti, m =>
            Inject(m, Valid | 0x202, Eflags.IF));
        yield return new("SMIs are not blocked", VmcsField.GuestInterruptibility, Interruptibility.BlockingBySmi);
        yield return new("reserved bits of the pending debug exceptions are 0", VmcsField.GuestPendingDebugExceptions, 0x10);
        yield return new("BS is pending as TF says", VmcsField.GuestPendingDebugExceptions, PendingDebug.BS, m =>
            m[VmcsField.GuestInterruptibility] = Interruptibility.BlockingByMovSs);
        yield return new("the VMCS link pointer is all ones or names a VMCS", VmcsField.VmcsLinkPointer, 1);
        yield return new("PDPTEs have no reserved bit", VmcsField.GuestCr3, 0x20, m =>
        {
            m[VmcsField.GuestCr4] |= Cr4.PAE;
            m[VmcsField.GuestCr3] = VmxMachine.Data;
            m.Write(VmxMachine.Data + 0x20, 0x3);
        });
    }

    private static void Inject(VmxMachine machine, uint information, uint flags)
    {
        machine[VmcsField.EntryInterruptionInformation] = information;
        machine[VmcsField.GuestRflags] |= flags;
    }

    private static void UsableLdtr(VmxMachine machine)
    {
        machine[VmcsField.GuestLdtrAccessRights] = AccessRights.P | SystemType.Ldt;
        machine[VmcsField.GuestLdtrLimit] = 7;
    }

    private static void EnterVirtual8086(VmxMachine machine)
    {
        machine[VmcsField.GuestRflags] |= Eflags.VM;
        foreach (SegmentName name in Six)
        {
            machine[GuestSegment.SelectorField(name)] = 0x100;
            machine[GuestSegment.BaseField(name)] = 0x1000;
            machine[GuestSegment.LimitField(name)] = 0xFFFF;
            machine[GuestSegment.RightsField(name)] = 0xF3;
        }
    }

    private sealed record Case(string Rule, VmcsField Field, ulong Flip, Action<VmxMachine> Prepare)
    {
        public Case(string rule, VmcsField field, ulong flip)
            : this(rule, field, flip, _ => { })
        {
        }
    }
}
