namespace Harness.Isa.Instructions;

/// <summary>SCAS: the accumulator less the destination.</summary>
[Encodings(Code.Scasb_AL_m8, Code.Scasw_AX_m16, Code.Scasd_EAX_m32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Scas : IString
{
    public static bool Compares => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        if (!port.Read(SegmentName.ES, StringIndex.Destination(ref port, in operands), out T right))
        {
            return false;
        }

        T left = Width.Truncate<T>(port.Gpr(0));
        port.StatusFlags.SetDifference(left, right, unchecked(left - right), left < right);
        StringIndex.AdvanceDestination<T, TPort>(ref port, in operands);
        return true;
    }
}
