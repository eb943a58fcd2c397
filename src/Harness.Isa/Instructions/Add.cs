namespace Harness.Isa.Instructions;

/// <summary>left + right (SDM Vol. 2A, ADD).</summary>
[Encodings(
    Code.Add_rm8_r8, Code.Add_rm16_r16, Code.Add_rm32_r32, Code.Add_r8_rm8, Code.Add_r16_rm16, Code.Add_r32_rm32, Code.Add_AL_imm8, Code.Add_AX_imm16,
    Code.Add_EAX_imm32, Code.Add_rm8_imm8, Code.Add_rm16_imm16, Code.Add_rm32_imm32, Code.Add_rm8_imm8_82, Code.Add_rm16_imm8, Code.Add_rm32_imm8)]
public readonly struct Add : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T result = left + right;
        flags.SetSum(left, right, result, carry: result < left);
        return result;
    }
}
