namespace Harness.Isa.Instructions;

/// <summary>
/// AH = AL / immediate, AL = the remainder; an immediate of 0 is a divide error. OF, AF and CF are undefined (SDM Vol. 2A, AAM).
/// </summary>
[Encodings(Code.Aam_imm8)]
public readonly struct Aam : IDecimal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TFlags>(ref ushort ax, byte immediate, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        if (immediate == 0)
        {
            return false;
        }

        byte al = (byte)ax;
        ax = (ushort)(al / immediate << 8 | al % immediate);
        flags.SetLogic((byte)ax);
        flags.Undefined(Eflags.OF | Eflags.AF | Eflags.CF);
        return true;
    }
}
