using System.Globalization;

namespace Harness.Isa;

/// <summary>An address after segmentation and before paging (SDM Vol. 3A, 3.1).</summary>
public readonly record struct LinearAddress(uint Value)
{
    public override string ToString() => Value.ToString("X8", CultureInfo.InvariantCulture);
}

/// <summary>An address on the processor's bus, after paging.</summary>
public readonly record struct PhysicalAddress(ulong Value)
{
    public static PhysicalAddress operator +(PhysicalAddress address, ulong offset) => new(address.Value + offset);
    public override string ToString() => Value.ToString("X8", CultureInfo.InvariantCulture);
}
