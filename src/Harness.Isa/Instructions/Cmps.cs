namespace Harness.Isa.Instructions;

/// <summary>CMPS: the source less the destination.</summary>
[Encodings(Code.Cmpsb_m8_m8, Code.Cmpsw_m16_m16, Code.Cmpsd_m32_m32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Cmps : IString
{
    public static bool Compares => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        uint source = StringIndex.Source(ref port, in operands);
        uint destination = StringIndex.Destination(ref port, in operands);
        if (!port.Read(operands.Segment, source, out T left) || !port.Read(SegmentName.ES, destination, out T right))
        {
            return false;
        }

        port.StatusFlags.SetDifference(left, right, unchecked(left - right), left < right);
        StringIndex.AdvanceSource<T, TPort>(ref port, in operands);
        StringIndex.AdvanceDestination<T, TPort>(ref port, in operands);
        return true;
    }
}
