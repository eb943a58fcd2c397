namespace Harness.Isa.Instructions;

/// <summary>
/// Index of the highest set bit. A source of zero sets ZF and leaves the destination as it is: undefined in the manual, but so on processors (SDM Vol.
/// 2A, BSR). CF, OF, SF, AF and PF are undefined.
/// </summary>
[Encodings(Code.Bsr_r16_rm16, Code.Bsr_r32_rm32)]
public readonly struct Bsr : IScan
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

        result = Width.Truncate<T>((ulong)BitOperations.Log2(Width.ZeroExtend(source)));
        return true;
    }
}
