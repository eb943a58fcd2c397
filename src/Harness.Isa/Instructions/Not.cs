namespace Harness.Isa.Instructions;

/// <summary>~value; no flags (SDM Vol. 2B, NOT).</summary>
[Encodings(Code.Not_rm8, Code.Not_rm16, Code.Not_rm32)]
public readonly struct Not : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        return ~value;
    }
}
