namespace Harness.Isa.Instructions;

/// <summary>
/// Index of the lowest set bit. A source of zero sets ZF and leaves the destination as it is: undefined in the manual, but so on processors (SDM Vol. 2A,
/// BSF). CF, OF, SF, AF and PF are undefined.
/// </summary>
[Encodings(Code.Bsf_r16_rm16, Code.Bsf_r32_rm32)]
public readonly struct Bsf : IScan
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TFlags>(T source, out T result, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        flags.SetLogic(source);
        flags.Undefined(Eflags.Status & ~Eflags.ZF);
        if (source == T.Zero)
        {
            result = T.Zero;
            return false;
        }

        result = Width.Truncate<T>((ulong)BitOperations.TrailingZeroCount(Width.ZeroExtend(source)));
        return true;
    }
}
