namespace Harness.Isa.Instructions;

/// <summary>value - 1; CF stays (SDM Vol. 2A, DEC).</summary>
[Encodings(Code.Dec_r16, Code.Dec_r32, Code.Dec_rm8, Code.Dec_rm16, Code.Dec_rm32)]
public readonly struct Dec : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = value - T.One;
        flags.SetDecrement(value, result);
        return result;
    }
}
