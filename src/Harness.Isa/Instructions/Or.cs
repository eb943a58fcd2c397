namespace Harness.Isa.Instructions;

/// <summary>left | right; AF is undefined (SDM Vol. 2B, OR).</summary>
[Encodings(
    Code.Or_rm8_r8, Code.Or_rm16_r16, Code.Or_rm32_r32, Code.Or_r8_rm8, Code.Or_r16_rm16, Code.Or_r32_rm32, Code.Or_AL_imm8, Code.Or_AX_imm16,
    Code.Or_EAX_imm32, Code.Or_rm8_imm8, Code.Or_rm16_imm16, Code.Or_rm32_imm32, Code.Or_rm8_imm8_82, Code.Or_rm16_imm8, Code.Or_rm32_imm8)]
public readonly struct Or : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = left | right;
        flags.SetLogic(result);
        flags.Undefined(Eflags.AF);
        return result;
    }
}
