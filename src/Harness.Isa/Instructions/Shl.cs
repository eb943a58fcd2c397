namespace Harness.Isa.Instructions;

/// <summary>
/// Bits move up, zeros enter. AF is undefined, OF for counts other than 1, CF for counts not below the width (SDM Vol. 2B, SAL/SAR/SHL/SHR).
/// </summary>
[Encodings(
    Code.Shl_rm8_imm8, Code.Shl_rm16_imm8, Code.Shl_rm32_imm8, Code.Shl_rm8_1, Code.Shl_rm16_1, Code.Shl_rm32_1, Code.Shl_rm8_CL, Code.Shl_rm16_CL,
    Code.Shl_rm32_CL)]
public readonly struct Shl : IShift
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
        T result = Width.Truncate<T>(wide << shift);

        // A negative count is taken modulo 64 and so reaches one of the zeros above the value.
        bool carry = (wide >> (bits - shift) & 1) != 0;
        flags.SetShift(result, carry, overflow: Width.SignExtend(result) ^ (carry ? -1 : 0));
        flags.Undefined(Eflags.AF | (shift == 1 ? 0 : Eflags.OF) | (shift < bits ? 0 : Eflags.CF));
        return result;
    }
}
