namespace Harness.Isa.Instructions;

/// <summary>
/// Bits leave at the top and enter at the bottom; the last one is CF, also where the count is a multiple of the width. OF is undefined for counts other
/// than 1 (SDM Vol. 2B, RCL/RCR/ROL/ROR).
/// </summary>
[Encodings(
    Code.Rol_rm8_imm8, Code.Rol_rm16_imm8, Code.Rol_rm32_imm8, Code.Rol_rm8_1, Code.Rol_rm16_1, Code.Rol_rm32_1, Code.Rol_rm8_CL, Code.Rol_rm16_CL,
    Code.Rol_rm32_CL)]
public readonly struct Rol : IShift
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
        int shift = rotations & (bits - 1);
        ulong wide = Width.ZeroExtend(value);
        T result = Width.Truncate<T>(wide << shift | wide >> (bits - shift));
        bool carry = (result & T.One) != T.Zero;
        flags.SetRotate(carry, overflow: Width.SignExtend(result) ^ (carry ? -1 : 0));
        flags.Undefined(rotations == 1 ? 0 : Eflags.OF);
        return result;
    }
}
