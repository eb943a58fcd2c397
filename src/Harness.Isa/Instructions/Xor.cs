namespace Harness.Isa.Instructions;

/// <summary>left ^ right; AF is undefined (SDM Vol. 2D, XOR).</summary>
[Encodings(
    Code.Xor_rm8_r8, Code.Xor_rm16_r16, Code.Xor_rm32_r32, Code.Xor_r8_rm8, Code.Xor_r16_rm16, Code.Xor_r32_rm32, Code.Xor_AL_imm8, Code.Xor_AX_imm16,
    Code.Xor_EAX_imm32, Code.Xor_rm8_imm8, Code.Xor_rm16_imm16, Code.Xor_rm32_imm32, Code.Xor_rm8_imm8_82, Code.Xor_rm16_imm8, Code.Xor_rm32_imm8)]
public readonly struct Xor : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = left ^ right;
        flags.SetLogic(result);
        flags.Undefined(Eflags.AF);
        return result;
    }
}
