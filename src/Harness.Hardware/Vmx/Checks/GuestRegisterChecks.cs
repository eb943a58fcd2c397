namespace Harness.Hardware.Vmx.Checks;

/// <summary>Checks on control and debug registers of the guest, on descriptor-table registers and RFLAGS (SDM Vol. 3C, 26.3.1.1, 26.3.1.3, 26.3.1.4).</summary>
internal static class GuestRegisterChecks
{
    private const string Control = "26.3.1.1";
    private const string Table = "26.3.1.3";
    private const string Flags = "26.3.1.4";
    private const uint HighWord = 0xFFFF0000;

    public static readonly EntryCheck[] Rows =
    [
        new(Control, "CR0 has the bits that VMX operation fixes", c => c.Capabilities.AllowsControl(0, c.Vmcs.Low(VmcsField.GuestCr0))),
        new(Control, "CR4 has the bits that VMX operation fixes", c => c.Capabilities.AllowsControl(4, c.Vmcs.Low(VmcsField.GuestCr4))),
        new(Control, "IA32_DEBUGCTL has no reserved bit", c => !c.Has(VmcsField.EntryControls, EntryControls.LoadDebugControls)
            || c.Capabilities.AllowsDebugctl(c.Vmcs[VmcsField.GuestIa32Debugctl])),
        new(Table, "the GDTR limit has 16 bits", c => !c.Has(VmcsField.GuestGdtrLimit, HighWord)),
        new(Table, "the IDTR limit has 16 bits", c => !c.Has(VmcsField.GuestIdtrLimit, HighWord)),
        new(Flags, "RFLAGS has no reserved bit", c => !c.Has(VmcsField.GuestRflags, ~(Eflags.Defined | Eflags.Fixed)) && c.Has(VmcsField.GuestRflags, Eflags.Fixed)),
        new(Flags, "IF is set where an external interrupt is injected", c =>
            c.InjectionType != InterruptionInformation.ExternalInterrupt || c.Has(VmcsField.GuestRflags, Eflags.IF)),
    ];
}
