namespace Harness.Isa.Instructions;

/// <summary>
/// Bits move up, the top bits of the filler enter. AF is undefined, OF for counts other than 1, everything for counts above the width (SDM Vol. 2B,
/// SHLD).
/// </summary>
[Encodings(Code.Shld_rm16_r16_imm8, Code.Shld_rm32_r32_imm8, Code.Shld_rm16_r16_CL, Code.Shld_rm32_r32_CL)]
public readonly struct Shld : IDoubleShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, T filler, byte count, ref TFlags flags)
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
        T result = Width.Truncate<T>(wide << shift | Width.ZeroExtend(filler) >> (bits - shift));
        flags.SetShift(result, carry: (wide >> (bits - shift) & 1) != 0, overflow: Width.SignExtend(result ^ value));
        flags.Undefined(shift > bits ? Eflags.Status : Eflags.AF | (shift == 1 ? 0 : Eflags.OF));
        return result;
    }
}
