namespace Harness.Hardware.Vmx.Checks;

/// <summary>Checks on the guest's non-register state and its PDPTEs (SDM Vol. 3C, 26.3.1.5 and 26.3.1.6).</summary>
internal static class GuestEventChecks
{
    private const string Section = "26.3.1.5";
    private const uint NmiQualification = 3;
    private const uint LinkQualification = 4;
    private const uint PdpteQualification = 2;
    private const uint Blocking = Interruptibility.BlockingBySti | Interruptibility.BlockingByMovSs;

    public static readonly EntryCheck[] Rows =
    [
        new(Section, "the activity state is one that the processor has", c =>
            c.Vmcs.Low(VmcsField.GuestActivity) is var state && (state == ActivityState.Active || c.Capabilities.SupportsActivity(state))),
        new(Section, "HLT needs CPL 0", c => !IsHalted(c) || c.Segment(SegmentName.SS).Dpl == 0),
        new(Section, "blocking by STI or MOV SS needs the active state", c => !c.Has(VmcsField.GuestInterruptibility, Blocking)
            || c.Vmcs.Low(VmcsField.GuestActivity) == ActivityState.Active),
        new(Section, "an event injected into HLT is one that ends it", c => !IsHalted(c) || EndsHalt(c)),
        new(Section, "reserved bits of the interruptibility state are 0", c => !c.Has(VmcsField.GuestInterruptibility, Interruptibility.Reserved)),
        new(Section, "blocking is not by both STI and MOV SS", c => (c.Vmcs.Low(VmcsField.GuestInterruptibility) & Blocking) != Blocking),
        new(Section, "blocking by STI needs IF", c => !Blocks(c, Interruptibility.BlockingBySti) || c.Has(VmcsField.GuestRflags, Eflags.IF)),
        new(Section, "nothing blocks an external interrupt that is injected", c =>
            c.InjectionType != InterruptionInformation.ExternalInterrupt || !Blocks(c, Blocking)),
        new(Section, "MOV SS does not block an NMI that is injected", c =>
            c.InjectionType != InterruptionInformation.Nmi || !Blocks(c, Interruptibility.BlockingByMovSs)),
        new(Section, "SMIs are not blocked", c => !Blocks(c, Interruptibility.BlockingBySmi)),
        new(Section, "STI does not block an NMI that is injected", c =>
            c.InjectionType != InterruptionInformation.Nmi || !Blocks(c, Interruptibility.BlockingBySti)) { Qualification = NmiQualification },
        new(Section, "reserved bits of the pending debug exceptions are 0", c => !c.Has(VmcsField.GuestPendingDebugExceptions, PendingDebug.Reserved)),
        new(Section, "BS is pending as TF says", c => (!Blocks(c, Blocking) && !IsHalted(c))
            || c.Has(VmcsField.GuestPendingDebugExceptions, PendingDebug.BS) == c.Has(VmcsField.GuestRflags, Eflags.TF)),
        new(Section, "the VMCS link pointer is all ones or names a VMCS", HasGoodLink) { Qualification = LinkQualification },
        new("26.3.1.6", "PDPTEs have no reserved bit", HasGoodPdptes) { Qualification = PdpteQualification },
    ];

    private static bool IsHalted(EntryContext c) => c.Vmcs.Low(VmcsField.GuestActivity) == ActivityState.Hlt;

    private static bool Blocks(EntryContext c, uint bits) => c.Has(VmcsField.GuestInterruptibility, bits);

    private static bool EndsHalt(EntryContext c) => c.InjectionType switch
    {
        null or InterruptionInformation.ExternalInterrupt or InterruptionInformation.Nmi => true,
        InterruptionInformation.HardwareException => (Vector)(c.Injection.GetValueOrDefault() & InterruptionInformation.VectorMask) is Vector.DB or Vector.MC,
        _ => false,
    };

    private static bool HasGoodLink(EntryContext c)
    {
        ulong link = c.Vmcs[VmcsField.VmcsLinkPointer];
        return link == ulong.MaxValue
            || (c.IsPageAddress(VmcsField.VmcsLinkPointer) && new VmcsRegion(c.Memory).Revision(link) == c.Capabilities.Revision);
    }

    private static bool HasGoodPdptes(EntryContext c)
    {
        bool used = c.Has(VmcsField.GuestCr0, Cr0.PG) && c.Has(VmcsField.GuestCr4, Cr4.PAE);
        return !used || VmxUnit.ReadPdptes(c.Memory, c.Capabilities, c.Vmcs.Low(VmcsField.GuestCr3), stackalloc ulong[4]);
    }
}
