namespace Harness.Isa.Instructions;

/// <summary>
/// The flags of left &amp; right; AF is undefined (SDM Vol. 2B, TEST). The manual leaves out the /1 forms of F6 and F7; processors treat them as /0.
/// </summary>
[Encodings(
    Code.Test_rm8_r8, Code.Test_rm16_r16, Code.Test_rm32_r32, Code.Test_AL_imm8, Code.Test_AX_imm16, Code.Test_EAX_imm32, Code.Test_rm8_imm8,
    Code.Test_rm8_imm8_F6r1, Code.Test_rm16_imm16, Code.Test_rm32_imm32, Code.Test_rm16_imm16_F7r1, Code.Test_rm32_imm32_F7r1)]
public readonly struct Test : ICompare
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        flags.SetLogic(left & right);
        flags.Undefined(Eflags.AF);
    }
}
