namespace Harness.Isa.Instructions;

/// <summary>left - right (SDM Vol. 2B, SUB).</summary>
[Encodings(
    Code.Sub_rm8_r8, Code.Sub_rm16_r16, Code.Sub_rm32_r32, Code.Sub_r8_rm8, Code.Sub_r16_rm16, Code.Sub_r32_rm32, Code.Sub_AL_imm8, Code.Sub_AX_imm16,
    Code.Sub_EAX_imm32, Code.Sub_rm8_imm8, Code.Sub_rm16_imm16, Code.Sub_rm32_imm32, Code.Sub_rm8_imm8_82, Code.Sub_rm16_imm8, Code.Sub_rm32_imm8)]
public readonly struct Sub : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = left - right;
        flags.SetDifference(left, right, result, borrow: left < right);
        return result;
    }
}
