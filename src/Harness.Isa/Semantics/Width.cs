namespace Harness.Isa;

/// <summary>Width-generic helpers; the JIT folds their branches, and <c>T.CreateTruncating</c> would be dearer to inline.</summary>
public static class Width
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Bits<T>() where T : unmanaged => Unsafe.SizeOf<T>() * 8;

    /// <summary>The bits of a shift count that matter (SDM Vol. 2B, SAL/SAR/SHL/SHR).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CountMask<T>() where T : unmanaged => Unsafe.SizeOf<T>() == 8 ? 63 : 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignExtend<T>(T value) where T : unmanaged
    {
        if (typeof(T) == typeof(byte))
        {
            return (sbyte)(byte)(object)value;
        }

        if (typeof(T) == typeof(ushort))
        {
            return (short)(ushort)(object)value;
        }

        return typeof(T) == typeof(uint) ? (int)(uint)(object)value : (long)(ulong)(object)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ZeroExtend<T>(T value) where T : unmanaged
    {
        if (typeof(T) == typeof(byte))
        {
            return (byte)(object)value;
        }

        if (typeof(T) == typeof(ushort))
        {
            return (ushort)(object)value;
        }

        return typeof(T) == typeof(uint) ? (uint)(object)value : (ulong)(object)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Truncate<T>(ulong value) where T : unmanaged
    {
        if (typeof(T) == typeof(byte))
        {
            return (T)(object)(byte)value;
        }

        if (typeof(T) == typeof(ushort))
        {
            return (T)(object)(ushort)value;
        }

        return typeof(T) == typeof(uint) ? (T)(object)(uint)value : (T)(object)value;
    }
}
