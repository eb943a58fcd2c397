namespace Harness.Isa.Instructions;

/// <summary>0 - value (SDM Vol. 2B, NEG).</summary>
[Encodings(Code.Neg_rm8, Code.Neg_rm16, Code.Neg_rm32)]
public readonly struct Neg : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = T.Zero - value;
        flags.SetDifference(T.Zero, value, result, borrow: value != T.Zero);
        return result;
    }
}
