namespace Harness.Isa.Instructions;

/// <summary>
/// CF:value rotates up as one number that is a bit longer, so 8- and 16-bit counts are taken modulo 9 and 17. OF is undefined for counts other than 1
/// (SDM Vol. 2B, RCL/RCR/ROL/ROR).
/// </summary>
[Encodings(
    Code.Rcl_rm8_imm8, Code.Rcl_rm16_imm8, Code.Rcl_rm32_imm8, Code.Rcl_rm8_1, Code.Rcl_rm16_1, Code.Rcl_rm32_1, Code.Rcl_rm8_CL, Code.Rcl_rm16_CL,
    Code.Rcl_rm32_CL)]
public readonly struct Rcl : IShift
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
            result = Width.Truncate<T>(wide << shift | carryIn << (shift - 1) | wide >> 1 >> (bits - shift));
            carry = (wide >> (bits - shift) & 1) != 0;
        }

        flags.SetRotate(carry, overflow: Width.SignExtend(result) ^ (carry ? -1 : 0));
        flags.Undefined(rotations == 1 ? 0 : Eflags.OF);
        return result;
    }
}
