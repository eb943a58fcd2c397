namespace Harness.Engines;

/// <summary>What the processor gets to see of a guest's descriptor.</summary>
internal static class ShadowDescriptor
{
    /// <summary>
    /// Ring 0 becomes the kernel's ring, and limits end below the monitor's region. Not present, so that a use traps: what the monitor carries out itself (system
    /// descriptors), what it cannot clip (expand-down and segments that begin in its region), rings 1 and 2, and what has not been accessed, because the accessed
    /// bit belongs into the guest's table. <paramref name="userTraps"/>: user code too.
    /// </summary>
    public static Descriptor Of(Descriptor guest, DirectExecution direct, bool userTraps)
    {
        Descriptor shadow = guest.Dpl == 0 ? WithDpl(guest, direct.KernelRing) : guest;
        if (guest.IsSystem || !guest.IsPresent)
        {
            return Absent(shadow);
        }

        bool expandDown = guest.IsData && (guest.Type & AccessRights.ExpandDownOrConforming) != 0;
        bool user = guest.IsCode && guest.Dpl == 3;
        if (expandDown || !guest.IsAccessed || guest.Dpl is 1 or 2 || (user && userTraps) || guest.Base >= MonitorRegion.Start)
        {
            return Absent(shadow);
        }

        return (direct.Omitted & Protection.LimitClip) != 0 ? shadow : Clip(shadow);
    }

    private static Descriptor Clip(Descriptor descriptor)
    {
        ulong end = (ulong)descriptor.Base + descriptor.Limit;
        if (end < MonitorRegion.Start)
        {
            return descriptor;
        }

        const int PageShift = 12;
        uint bytes = MonitorRegion.Start - descriptor.Base;
        bool inPages = (descriptor.High & 0x800000) != 0;
        uint units = inPages ? bytes >> PageShift : bytes;
        return units == 0 ? Absent(descriptor) : WithRawLimit(descriptor, units - 1);
    }

    private static Descriptor WithRawLimit(Descriptor d, uint raw) =>
        new((ulong)((d.High & ~0xF0000u) | (raw & 0xF0000)) << 32 | ((d.Low & 0xFFFF0000) | (raw & 0xFFFF)));

    private static Descriptor WithDpl(Descriptor d, int dpl) => new((d.Raw & ~(3ul << 45)) | (ulong)dpl << 45);

    private static Descriptor Absent(Descriptor d) => new(d.Raw & ~(1ul << 47));
}
