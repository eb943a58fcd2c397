namespace Harness.Isa.Instructions;

/// <summary>Bits move down, copies of the sign enter. AF is undefined, OF for counts other than 1 (SDM Vol. 2B, SAL/SAR/SHL/SHR).</summary>
[Encodings(
    Code.Sar_rm8_imm8, Code.Sar_rm16_imm8, Code.Sar_rm32_imm8, Code.Sar_rm8_1, Code.Sar_rm16_1, Code.Sar_rm32_1, Code.Sar_rm8_CL, Code.Sar_rm16_CL,
    Code.Sar_rm32_CL)]
public readonly struct Sar : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        int shift = count & Width.CountMask<T>();
        if (shift == 0)
        {
            return value;
        }

        long wide = Width.SignExtend(value);
        T result = Width.Truncate<T>((ulong)(wide >> shift));
        flags.SetShift(result, carry: (wide >> (shift - 1) & 1) != 0, overflow: 0);
        flags.Undefined(Eflags.AF | (shift == 1 ? 0 : Eflags.OF));
        return result;
    }
}
