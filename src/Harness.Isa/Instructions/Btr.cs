namespace Harness.Isa.Instructions;

/// <summary>CF = the bit, which is then cleared. ZF stays; OF, SF, AF and PF are undefined and stay here (SDM Vol. 2A, BTR).</summary>
[Encodings(Code.Btr_rm16_r16, Code.Btr_rm32_r32, Code.Btr_rm16_imm8, Code.Btr_rm32_imm8)]
public readonly struct Btr : IBitTest
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, int bit, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        flags.SetCarry((Width.ZeroExtend(value) >> bit & 1) != 0);
        flags.Undefined(Eflags.OF | Eflags.SF | Eflags.AF | Eflags.PF);
        return value & ~(T.One << bit);
    }
}
