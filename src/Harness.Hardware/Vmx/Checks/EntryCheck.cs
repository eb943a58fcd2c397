using System.Collections.Immutable;

namespace Harness.Hardware.Vmx.Checks;

/// <summary>What the checks of a VM entry look at.</summary>
public sealed record EntryContext(VmcsImage Vmcs, VmxCapabilities Capabilities, PhysicalMemory Memory)
{
    /// <summary>The VM-entry interruption-information field if it is valid, else null.</summary>
    public uint? Injection
    {
        get
        {
            uint information = Vmcs.Low(VmcsField.EntryInterruptionInformation);
            return (information & InterruptionInformation.Valid) != 0 ? information : null;
        }
    }

    /// <summary>The type of the event that is injected, or null.</summary>
    public uint? InjectionType => Injection is { } information ? InterruptionInformation.Type(information) : null;

    public bool IsVirtual8086 => Has(VmcsField.GuestRflags, Eflags.VM);

    public bool Has(VmcsField field, uint bits) => (Vmcs.Low(field) & bits) != 0;

    public bool HasProcessorControl(uint control) => Has(VmcsField.ProcessorBasedControls, control);

    public GuestSegment Segment(SegmentName name) => GuestSegment.Read(Vmcs, name);

    /// <summary>Aligned to 4 KiB and within the physical-address width.</summary>
    public bool IsPageAddress(VmcsField field) => (Vmcs[field] & 0xFFF) == 0 && Capabilities.IsPhysical(Vmcs[field]);
}

/// <summary>One check of a VM entry: true is a pass. The section is of SDM Vol. 3C (2016), and the qualification counts for guest-state checks.</summary>
public sealed record EntryCheck(string Section, string Rule, Func<EntryContext, bool> Holds)
{
    public uint Qualification { get; init; }
}

/// <summary>All checks that a VM entry makes, in the manual's order.</summary>
public static class EntryChecks
{
    /// <summary>VM-execution, VM-exit and VM-entry control fields; a failure is VM-instruction error 7.</summary>
    public static ImmutableArray<EntryCheck> Controls { get; } = [.. ControlChecks.Rows];

    /// <summary>The host-state area; a failure is VM-instruction error 8.</summary>
    public static ImmutableArray<EntryCheck> Host { get; } = [.. HostChecks.Rows];

    /// <summary>The guest-state area; a failure is a VM exit with reason 33.</summary>
    public static ImmutableArray<EntryCheck> Guest => [.. GuestRegisters, .. GuestSegments, .. GuestEvents];

    internal static ImmutableArray<EntryCheck> GuestRegisters { get; } = [.. GuestRegisterChecks.Rows];

    internal static ImmutableArray<EntryCheck> GuestSegments { get; } = [.. GuestSegmentChecks.Rows];

    internal static ImmutableArray<EntryCheck> GuestEvents { get; } = [.. GuestEventChecks.Rows];

    /// <summary>The first check that fails, or null.</summary>
    public static EntryCheck? FirstFailure(ImmutableArray<EntryCheck> checks, EntryContext context)
    {
        foreach (EntryCheck check in checks)
        {
            if (!check.Holds(context))
            {
                return check;
            }
        }

        return null;
    }
}
