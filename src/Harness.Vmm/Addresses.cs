using System.Globalization;

namespace Harness.Vmm;

/// <summary>An address that the guest believes to be physical (gPA).</summary>
public readonly record struct GuestPhysicalAddress(ulong Value)
{
    public static GuestPhysicalAddress operator +(GuestPhysicalAddress address, ulong offset) => new(address.Value + offset);

    public override string ToString() => Value.ToString("X8", CultureInfo.InvariantCulture);
}

/// <summary>An address on the host's bus (hPA, the papers' "machine" address).</summary>
public readonly record struct HostPhysicalAddress(ulong Value)
{
    public static HostPhysicalAddress operator +(HostPhysicalAddress address, ulong offset) => new(address.Value + offset);

    public override string ToString() => Value.ToString("X8", CultureInfo.InvariantCulture);
}
