namespace Harness.Hardware.Vmx.Checks;

/// <summary>Checks on the host-state area (SDM Vol. 3C, 26.2.2 and 26.2.3), as far as a 32-bit host can fail them.</summary>
internal static class HostChecks
{
    private const string Control = "26.2.2";
    private const string Segment = "26.2.3";
    private const uint RplAndTable = Selector.RplMask | Selector.TableIndicator;

    public static readonly EntryCheck[] Rows =
    [
        new(Control, "CR0 has the bits that VMX operation fixes", c => c.Capabilities.AllowsControl(0, c.Vmcs.Low(VmcsField.HostCr0))),
        new(Control, "CR4 has the bits that VMX operation fixes", c => c.Capabilities.AllowsControl(4, c.Vmcs.Low(VmcsField.HostCr4))),
        FromGdt("ES", VmcsField.HostEsSelector),
        FromGdt("CS", VmcsField.HostCsSelector),
        FromGdt("SS", VmcsField.HostSsSelector),
        FromGdt("DS", VmcsField.HostDsSelector),
        FromGdt("FS", VmcsField.HostFsSelector),
        FromGdt("GS", VmcsField.HostGsSelector),
        FromGdt("TR", VmcsField.HostTrSelector),
        NotNull("CS", VmcsField.HostCsSelector),
        NotNull("TR", VmcsField.HostTrSelector),
        NotNull("SS", VmcsField.HostSsSelector),
    ];

    private static EntryCheck FromGdt(string name, VmcsField field) => new(Segment, $"{name} has RPL 0 and lies in the GDT", c => !c.Has(field, RplAndTable));

    private static EntryCheck NotNull(string name, VmcsField field) => new(Segment, $"{name} is not 0", c => c.Vmcs[field] != 0);
}
