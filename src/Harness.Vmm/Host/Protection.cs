namespace Harness.Vmm;

/// <summary>What a monitor keeps a guest in its allocation by.</summary>
[Flags]
public enum Protection
{
    None = 0,

    /// <summary>Segments of the guest end below the monitor's part of linear space.</summary>
    LimitClip = 1,

    /// <summary>Pages from which the monitor has derived something are never mapped for writing.</summary>
    Trace = 2,

    /// <summary>Page tables that the processor walks lead to frames of the guest alone.</summary>
    PageTables = 4,

    /// <summary>Descriptors that the processor loads are of the guest's rings.</summary>
    Descriptors = 8,

    /// <summary>Pages that a guest gives to its balloon are pages of its own RAM.</summary>
    BalloonPages = 16,

    /// <summary>Devices reach memory by themselves only through the guest-physical map, bounds included.</summary>
    DeviceMemory = 32,

    /// <summary>A large entry of a shadow is made only where all memory behind it is the guest's.</summary>
    LargeEntries = 64,
}
