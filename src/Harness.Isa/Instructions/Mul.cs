namespace Harness.Isa.Instructions;

/// <summary>
/// high:low = low * source, unsigned. CF and OF tell whether the high half counts; SF, ZF, AF and PF are undefined (SDM Vol. 2B, MUL).
/// </summary>
[Encodings(Code.Mul_rm8, Code.Mul_rm16, Code.Mul_rm32)]
public readonly struct Mul : IWide
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TFlags>(ref T low, ref T high, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        ulong product = Width.ZeroExtend(low) * Width.ZeroExtend(source);
        low = Width.Truncate<T>(product);
        high = Width.Truncate<T>(product >> Width.Bits<T>());
        bool needed = high != T.Zero;
        flags.SetShift(low, carry: needed, overflow: needed ? -1 : 0);
        flags.Undefined(Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF);
        return true;
    }
}
