namespace Harness.Isa.Instructions;

/// <summary>LODS.</summary>
[Encodings(Code.Lodsb_AL_m8, Code.Lodsw_AX_m16, Code.Lodsd_EAX_m32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Lods : IString
{
    public static bool Compares => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        if (!port.Read(operands.Segment, StringIndex.Source(ref port, in operands), out T value))
        {
            return false;
        }

        uint mask = (uint)Width.ZeroExtend(T.AllBitsSet);
        port.Gpr(0) = (port.Gpr(0) & ~mask) | (uint)Width.ZeroExtend(value);
        StringIndex.AdvanceSource<T, TPort>(ref port, in operands);
        return true;
    }
}
