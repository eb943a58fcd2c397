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
        int rotations = count & Width.CountMask<T>();
        if (rotations == 0)
        {
            return value;
        }

        int bits = Width.Bits<T>();
        int shift = rotations % (bits + 1);
        bool carry = flags.CF;
        T result = value;
        if (shift != 0)
        {
            ulong wide = Width.ZeroExtend(value);
            ulong carryIn = carry ? 1ul : 0;
            result = Width.Truncate<T>(wide >> shift | carryIn << (bits - shift) | wide << 1 << (bits - shift));
            carry = (wide >> (shift - 1) & 1) != 0;
        }

        flags.SetRotate(carry, overflow: Width.SignExtend(result ^ result << 1));
        flags.Undefined(rotations == 1 ? 0 : Eflags.OF);
        return result;
    }
}
