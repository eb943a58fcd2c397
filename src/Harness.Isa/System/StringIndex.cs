namespace Harness.Isa;

/// <summary>SI and DI of string instructions, 16 or 32 bits wide by the address size, moved by the direction flag.</summary>
public static class StringIndex
{
    private const int Esi = 6;
    private const int Edi = 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Source<TPort>(ref TPort port, in StringOperands operands) where TPort : struct, IPort =>
        operands.Address16 ? (ushort)port.Gpr(Esi) : port.Gpr(Esi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Destination<TPort>(ref TPort port, in StringOperands operands) where TPort : struct, IPort =>
        operands.Address16 ? (ushort)port.Gpr(Edi) : port.Gpr(Edi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AdvanceSource<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged
        where TPort : struct, IPort =>
        Advance<T, TPort>(ref port, ref port.Gpr(Esi), operands.Address16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AdvanceDestination<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged
        where TPort : struct, IPort =>
        Advance<T, TPort>(ref port, ref port.Gpr(Edi), operands.Address16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Advance<T, TPort>(ref TPort port, ref uint index, bool narrow)
        where T : unmanaged
        where TPort : struct, IPort
    {
        uint size = (uint)Unsafe.SizeOf<T>();
        uint next = (port.NonStatusFlags & Eflags.DF) != 0 ? index - size : index + size;
        index = narrow ? (index & 0xFFFF0000) | (ushort)next : next;
    }
}
