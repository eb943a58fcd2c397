namespace Harness.Isa;

/// <summary>Who may use an I/O port (SDM Vol. 1, 19.5; Vol. 2, IN and OUT).</summary>
public static class IoPermission
{
    /// <summary>IOPL outside virtual-8086 mode, then the I/O permission bitmap of a 32-bit TSS; else #GP(0).</summary>
    public static bool Check<TPort>(ref TPort port, ushort number, int size) where TPort : struct, IPort
    {
        if (Mode.IsReal(ref port) || (!Mode.IsVirtual8086(ref port) && port.Cpl <= Mode.Iopl(ref port)))
        {
            return true;
        }

        ref readonly SegmentRegister task = ref port.Segment(SegmentName.TR);
        if (!TaskState.IsWide(task.Rights & AccessRights.TypeMask) || task.Limit < TaskState.MinimumLimit32)
        {
            return port.Fault(Vector.GP);
        }

        if (!port.ReadSystem(task.Base + TaskState.IoMapBase, out ushort map))
        {
            return false;
        }

        // The processor always reads two bytes of the map, so that the last one must be followed by another (SDM Vol. 1, 19.5.2).
        uint offset = map + (uint)(number >> 3);
        if (offset + 1 > task.Limit)
        {
            return port.Fault(Vector.GP);
        }

        if (!port.ReadSystem(task.Base + offset, out ushort bits))
        {
            return false;
        }

        uint mask = (1u << size) - 1 << (number & 7);
        return (bits & mask) == 0 || port.Fault(Vector.GP);
    }

    /// <summary>Asks the monitor about an access that is permitted. True: control went to it.</summary>
    public static bool Intercepted<TPort>(ref TPort port, ushort number, int size, IoForm form, uint value) where TPort : struct, IPort =>
        port.IsGuest && port.Intercepted(InterceptKind.Io, (uint)(size - 1) | (uint)form | (uint)number << 16, value);
}

/// <summary>Direction, string form, REP and immediate port, where the exit qualification has them (SDM Vol. 3C, Table 27-5).</summary>
[Flags]
public enum IoForm : uint
{
    Out = 0,
    In = 1 << 3,
    String = 1 << 4,
    Repeated = 1 << 5,
    Immediate = 1 << 6,
}
