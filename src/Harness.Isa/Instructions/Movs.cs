namespace Harness.Isa.Instructions;

/// <summary>MOVS.</summary>
[Encodings(Code.Movsb_m8_m8, Code.Movsw_m16_m16, Code.Movsd_m32_m32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Movs : IString
{
    public static bool Compares => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        uint source = StringIndex.Source(ref port, in operands);
        uint destination = StringIndex.Destination(ref port, in operands);
        if (!port.Read(operands.Segment, source, out T value) || !port.Write(SegmentName.ES, destination, value))
        {
            return false;
        }

        StringIndex.AdvanceSource<T, TPort>(ref port, in operands);
        StringIndex.AdvanceDestination<T, TPort>(ref port, in operands);
        return true;
    }
}
