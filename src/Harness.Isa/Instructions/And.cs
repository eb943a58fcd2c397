namespace Harness.Isa.Instructions;

/// <summary>left &amp; right; AF is undefined (SDM Vol. 2A, AND).</summary>
[Encodings(
    Code.And_rm8_r8, Code.And_rm16_r16, Code.And_rm32_r32, Code.And_r8_rm8, Code.And_r16_rm16, Code.And_r32_rm32, Code.And_AL_imm8, Code.And_AX_imm16,
    Code.And_EAX_imm32, Code.And_rm8_imm8, Code.And_rm16_imm16, Code.And_rm32_imm32, Code.And_rm8_imm8_82, Code.And_rm16_imm8, Code.And_rm32_imm8)]
public readonly struct And : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = left & right;
        flags.SetLogic(result);
        flags.Undefined(Eflags.AF);
        return result;
    }
}
