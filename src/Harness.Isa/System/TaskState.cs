namespace Harness.Isa;

/// <summary>What the two formats of a task-state segment have in common (SDM Vol. 3A, 7.2.1 and 7.6).</summary>
public static class TaskState
{
    /// <summary>Offset of the I/O map base, and with it the least limit that a 32-bit TSS with an I/O map has.</summary>
    public const uint IoMapBase = 0x66;
    public const uint MinimumLimit32 = 0x67;
    public const uint MinimumLimit16 = 0x2B;

    /// <summary>A 32-bit TSS, by its type.</summary>
    public static bool IsWide(uint type) => (type & 8) != 0;
    public static bool IsAvailable(Descriptor descriptor) =>
        descriptor.IsSystem && descriptor.Type is SystemType.AvailableTss16 or SystemType.AvailableTss32;
    public static bool IsBusy(Descriptor descriptor) => descriptor.IsSystem && descriptor.Type is SystemType.BusyTss16 or SystemType.BusyTss32;
}
