namespace Harness.Isa.Instructions;

/// <summary>left + right + CF (SDM Vol. 2A, ADC).</summary>
[Encodings(
    Code.Adc_rm8_r8, Code.Adc_rm16_r16, Code.Adc_rm32_r32, Code.Adc_r8_rm8, Code.Adc_r16_rm16, Code.Adc_r32_rm32, Code.Adc_AL_imm8, Code.Adc_AX_imm16,
    Code.Adc_EAX_imm32, Code.Adc_rm8_imm8, Code.Adc_rm16_imm16, Code.Adc_rm32_imm32, Code.Adc_rm8_imm8_82, Code.Adc_rm16_imm8, Code.Adc_rm32_imm8)]
public readonly struct Adc : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        bool carryIn = flags.CF;
        T result = left + right + (carryIn ? T.One : T.Zero);
        flags.SetSum(left, right, result, carry: carryIn ? result <= left : result < left);
        return result;
    }
}
