namespace Harness.Isa.Instructions;

/// <summary>
/// CF:value rotates down as one number that is a bit longer, so 8- and 16-bit counts are taken modulo 9 and 17. OF is undefined for counts other than 1
/// (SDM Vol. 2B, RCL/RCR/ROL/ROR).
/// </summary>
[Encodings(
    Code.Rcr_rm8_imm8, Code.Rcr_rm16_imm8, Code.Rcr_rm32_imm8, Code.Rcr_rm8_1, Code.Rcr_rm16_1, Code.Rcr_rm32_1, Code.Rcr_rm8_CL, Code.Rcr_rm16_CL,
    Code.Rcr_rm32_CL)]
public readonly struct Rcr : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        int bits = Width.Bits<T>();
        int rotations = count & Width.CountMask<T>();
        int shift = rotations % (bits + 1);
        if (shift == 0)
        {
            flags.Undefined(rotations == 0 ? 0 : Eflags.OF);
            return value;
        }

        ulong wide = Width.ZeroExtend(value);
        ulong carryIn = flags.CF ? 1ul : 0;
        T result = Width.Truncate<T>(wide >> shift | carryIn << (bits - shift) | wide << 1 << (bits - shift));
        flags.SetRotate(carry: (wide >> (shift - 1) & 1) != 0, overflow: Width.SignExtend(result) ^ Width.SignExtend(result << 1));
        flags.Undefined(rotations == 1 ? 0 : Eflags.OF);
        return result;
    }
}
