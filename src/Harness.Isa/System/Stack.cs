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

    /// <summary>
    /// Pops doublewords from a 32-bit stack that can be read in place: the first of them, to be read one by one, for a wider read would wait for stores that
    /// have just been made. A null reference: nothing has been popped.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref readonly uint TryPop<TPort>(scoped ref TPort port, int count) where TPort : struct, IPort
    {
        uint top = port.Gpr(Esp);
        if (!port.Segment(SegmentName.SS).IsBig)
        {
            return ref Unsafe.NullRef<uint>();
        }

        ref readonly uint first = ref port.TryLocate(SegmentName.SS, top, count * sizeof(uint));
        if (!Unsafe.IsNullRef(in first))
        {
            port.Gpr(Esp) = top + (uint)count * sizeof(uint);
        }

        return ref first;
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
