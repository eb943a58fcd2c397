using System.Collections.Immutable;

namespace Harness.Hardware.Vmx.Checks;

/// <summary>
/// Checks whose answer depends on certain fields alone, and the VMCS that passed them last. Most entries differ from the one before in a few registers: where
/// none of the fields has changed, the checks pass again without being made.
/// </summary>
internal sealed class PassedChecks(ImmutableArray<EntryCheck> checks, VmcsFieldSet fields)
{
    private readonly VmcsImage _passed = new();
    private bool _havePassed;

    /// <summary>The control fields; their checks look at nothing else.</summary>
    public static PassedChecks Controls() => new(EntryChecks.Controls, new VmcsFieldSet(IsControl, 0));

    /// <summary>The host-state area.</summary>
    public static PassedChecks Host() => new(EntryChecks.Host, new VmcsFieldSet(IsHost, 0));

    /// <summary>The guest's segment registers; virtual-8086 mode has rules of its own.</summary>
    public static PassedChecks GuestSegments() => new(EntryChecks.GuestSegments, new VmcsFieldSet(IsGuestSegment, Eflags.VM));

    /// <summary>The first check that fails, or null.</summary>
    public EntryCheck? FirstFailure(EntryContext context)
    {
        if (_havePassed && fields.AreEqual(_passed, context.Vmcs))
        {
            return null;
        }

        EntryCheck? failure = EntryChecks.FirstFailure(checks, context);
        if (failure is null)
        {
            context.Vmcs.Data.CopyTo(_passed.Data, 0);
            _havePassed = true;
        }

        return failure;
    }

    private static bool IsControl(VmcsField field) => VmcsFields.Row(field).Type == VmcsType.Control;

    private static bool IsHost(VmcsField field) => VmcsFields.Row(field).Type == VmcsType.Host;

    private static bool IsGuestSegment(VmcsField field) =>
        field is (>= VmcsField.GuestEsSelector and <= VmcsField.GuestTrSelector)
            or (>= VmcsField.GuestEsLimit and <= VmcsField.GuestTrLimit)
            or (>= VmcsField.GuestEsAccessRights and <= VmcsField.GuestTrAccessRights)
            or (>= VmcsField.GuestEsBase and <= VmcsField.GuestTrBase);
}
