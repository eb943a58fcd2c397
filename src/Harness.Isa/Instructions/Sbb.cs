namespace Harness.Isa.Instructions;

/// <summary>left - (right + CF) (SDM Vol. 2B, SBB).</summary>
[Encodings(
    Code.Sbb_rm8_r8, Code.Sbb_rm16_r16, Code.Sbb_rm32_r32, Code.Sbb_r8_rm8, Code.Sbb_r16_rm16, Code.Sbb_r32_rm32, Code.Sbb_AL_imm8, Code.Sbb_AX_imm16,
    Code.Sbb_EAX_imm32, Code.Sbb_rm8_imm8, Code.Sbb_rm16_imm16, Code.Sbb_rm32_imm32, Code.Sbb_rm8_imm8_82, Code.Sbb_rm16_imm8, Code.Sbb_rm32_imm8)]
public readonly struct Sbb : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        bool borrowIn = flags.CF;
        T result = left - right - (borrowIn ? T.One : T.Zero);
        flags.SetDifference(left, right, result, borrow: borrowIn ? left <= right : left < right);
        return result;
    }
}
