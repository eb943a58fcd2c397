namespace Harness.Isa.Instructions;

/// <summary>value + 1; CF stays (SDM Vol. 2A, INC).</summary>
[Encodings(Code.Inc_r16, Code.Inc_r32, Code.Inc_rm8, Code.Inc_rm16, Code.Inc_rm32)]
public readonly struct Inc : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = value + T.One;
        flags.SetIncrement(value, result);
        return result;
    }
}
