namespace Harness.Isa.Instructions;

/// <summary>The flags of left - right (SDM Vol. 2A, CMP).</summary>
[Encodings(
    Code.Cmp_rm8_r8, Code.Cmp_rm16_r16, Code.Cmp_rm32_r32, Code.Cmp_r8_rm8, Code.Cmp_r16_rm16, Code.Cmp_r32_rm32, Code.Cmp_AL_imm8, Code.Cmp_AX_imm16,
    Code.Cmp_EAX_imm32, Code.Cmp_rm8_imm8, Code.Cmp_rm16_imm16, Code.Cmp_rm32_imm32, Code.Cmp_rm8_imm8_82, Code.Cmp_rm16_imm8, Code.Cmp_rm32_imm8)]
public readonly struct Cmp : ICompare
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        flags.SetDifference(left, right, left - right, borrow: left < right);
    }
}
