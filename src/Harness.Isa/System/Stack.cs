namespace Harness.Isa;

/// <summary>Pushes and pops through SS at the width of its B flag: with a 16-bit stack only SP changes, and it wraps (SDM Vol. 1, 6.2).</summary>
public static class Stack
{
    private const int Esp = 4;

    /// <summary>The bits of ESP that address the stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Mask<TPort>(ref TPort port) where TPort : struct, IPort => port.Segment(SegmentName.SS).IsBig ? uint.MaxValue : ushort.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Push<T, TPort>(ref TPort port, T value)
        where T : unmanaged
        where TPort : struct, IPort
    {
        uint mask = Mask(ref port);
        uint top = (port.Gpr(Esp) - (uint)Unsafe.SizeOf<T>()) & mask;
        if (!port.Write(SegmentName.SS, top, value))
        {
            return false;
        }

        port.Gpr(Esp) = (port.Gpr(Esp) & ~mask) | top;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Pop<T, TPort>(ref TPort port, out T value)
        where T : unmanaged
        where TPort : struct, IPort
    {
        uint mask = Mask(ref port);
        uint top = port.Gpr(Esp);
        if (!port.Read(SegmentName.SS, top & mask, out value))
        {
            return false;
        }

        port.Gpr(Esp) = (top & ~mask) | ((top + (uint)Unsafe.SizeOf<T>()) & mask);
        return true;
    }

    /// <summary>Pops several doublewords at once where nothing can fault. False: nothing has been done, and they have to be popped one by one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPopAll<T, TPort>(ref TPort port, out T values)
        where T : unmanaged
        where TPort : struct, IPort
    {
        uint top = port.Gpr(Esp);
        values = default;
        if (!port.Segment(SegmentName.SS).IsBig || !port.TryRead(SegmentName.SS, top, out values))
        {
            return false;
        }

        port.Gpr(Esp) = top + (uint)Unsafe.SizeOf<T>();
        return true;
    }

    /// <summary>Pushes 32 bits, or the low 16.</summary>
    public static bool Push<TPort>(ref TPort port, uint value, bool wide) where TPort : struct, IPort =>
        wide ? Push(ref port, value) : Push(ref port, (ushort)value);

    /// <summary>Pops 32 bits, or 16 zero-extended.</summary>
    public static bool Pop<TPort>(ref TPort port, bool wide, out uint value) where TPort : struct, IPort
    {
        if (wide)
        {
            return Pop(ref port, out value);
        }

        bool done = Pop(ref port, out ushort narrow);
        value = narrow;
        return done;
    }

    /// <summary>
    /// Pushes a selector: a 32-bit push moves ESP by four and writes two bytes, as processors since the P6 do (SDM Vol. 2, PUSH).
    /// </summary>
    public static bool PushSelector<TPort>(ref TPort port, ushort selector, bool wide) where TPort : struct, IPort
    {
        if (!wide)
        {
            return Push(ref port, selector);
        }

        uint mask = Mask(ref port);
        uint top = (port.Gpr(Esp) - 4) & mask;
        if (!port.Write(SegmentName.SS, top, selector))
        {
            return false;
        }

        port.Gpr(Esp) = (port.Gpr(Esp) & ~mask) | top;
        return true;
    }

    /// <summary>Drops <paramref name="bytes"/> from the top of the stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release<TPort>(ref TPort port, uint bytes) where TPort : struct, IPort => SetPointer(ref port, port.Gpr(Esp) + bytes);

    /// <summary>Loads ESP, or SP alone where the stack is 16 bits wide.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetPointer<TPort>(ref TPort port, uint value) where TPort : struct, IPort
    {
        uint mask = Mask(ref port);
        port.Gpr(Esp) = (port.Gpr(Esp) & ~mask) | (value & mask);
    }
}
