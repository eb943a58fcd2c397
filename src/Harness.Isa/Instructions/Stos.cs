namespace Harness.Isa.Instructions;

/// <summary>STOS.</summary>
[Encodings(Code.Stosb_m8_AL, Code.Stosw_m16_AX, Code.Stosd_m32_EAX)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Stos : IString
{
    public static bool Compares => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        if (!port.Write(SegmentName.ES, StringIndex.Destination(ref port, in operands), Width.Truncate<T>(port.Gpr(0))))
        {
            return false;
        }

        StringIndex.AdvanceDestination<T, TPort>(ref port, in operands);
        return true;
    }
}
