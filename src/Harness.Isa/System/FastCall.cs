namespace Harness.Isa;

/// <summary>The segments that SYSENTER and SYSEXIT load without reading a table (SDM Vol. 2, SYSENTER, SYSEXIT).</summary>
public static class FastCall
{
    private const uint Flat = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB | AccessRights.G;

    /// <summary>CS from <paramref name="selector"/>, SS from the next descriptor; both flat, 32-bit, at <paramref name="cpl"/>.</summary>
    public static void LoadSegments<TPort>(ref TPort port, ushort selector, int cpl) where TPort : struct, IPort
    {
        uint rights = Flat | (uint)cpl << AccessRights.DplShift;
        port.Change(SegmentName.CS).Set((ushort)(selector | cpl), 0, uint.MaxValue, rights | AccessRights.Code);
        port.Change(SegmentName.SS).Set((ushort)((selector + 8) | cpl), 0, uint.MaxValue, rights);
        port.Cpl = cpl;
    }
}
