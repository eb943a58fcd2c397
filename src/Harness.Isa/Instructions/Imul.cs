namespace Harness.Isa.Instructions;

/// <summary>
/// The signed product, cut to the width (two and three operands) or whole in high:low (one operand). CF and OF tell whether the lower half is not enough;
/// SF, ZF, AF and PF are undefined (SDM Vol. 2A, IMUL).
/// </summary>
[Encodings(
    Code.Imul_r16_rm16_imm16, Code.Imul_r32_rm32_imm32, Code.Imul_r16_rm16_imm8, Code.Imul_r32_rm32_imm8, Code.Imul_rm8, Code.Imul_rm16, Code.Imul_rm32,
    Code.Imul_r16_rm16, Code.Imul_r32_rm32)]
public readonly struct Imul : IBinary, IWide
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        long product = Width.SignExtend(left) * Width.SignExtend(right);
        T result = Width.Truncate<T>((ulong)product);
        SetFlags(product, result, ref flags);
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TFlags>(ref T low, ref T high, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        long product = Width.SignExtend(low) * Width.SignExtend(source);
        low = Width.Truncate<T>((ulong)product);
        high = Width.Truncate<T>((ulong)(product >> Width.Bits<T>()));
        SetFlags(product, low, ref flags);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetFlags<T, TFlags>(long product, T low, ref TFlags flags)
        where T : unmanaged
        where TFlags : struct, IFlags
    {
        bool lost = Width.SignExtend(low) != product;
        flags.SetShift(low, carry: lost, overflow: lost ? -1 : 0);
        flags.Undefined(Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF);
    }
}
