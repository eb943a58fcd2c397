namespace Harness.Isa.Instructions;

/// <summary>
/// Bits move down, zeros enter. AF is undefined, OF for counts other than 1, CF for counts not below the width (SDM Vol. 2B, SAL/SAR/SHL/SHR).
/// </summary>
[Encodings(
    Code.Shr_rm8_imm8, Code.Shr_rm16_imm8, Code.Shr_rm32_imm8, Code.Shr_rm8_1, Code.Shr_rm16_1, Code.Shr_rm32_1, Code.Shr_rm8_CL, Code.Shr_rm16_CL,
    Code.Shr_rm32_CL)]
public readonly struct Shr : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        int bits = Width.Bits<T>();
        int shift = count & Width.CountMask<T>();
        if (shift == 0)
        {
            return value;
        }

        ulong wide = Width.ZeroExtend(value);
        T result = Width.Truncate<T>(wide >> shift);
        flags.SetShift(result, carry: (wide >> (shift - 1) & 1) != 0, overflow: Width.SignExtend(value));
        flags.Undefined(Eflags.AF | (shift == 1 ? 0 : Eflags.OF) | (shift < bits ? 0 : Eflags.CF));
        return result;
    }
}
