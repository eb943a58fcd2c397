namespace Harness.Isa.Instructions;

/// <summary>AL = AL + AH * immediate, AH = 0. OF, AF and CF are undefined (SDM Vol. 2A, AAD).</summary>
[Encodings(Code.Aad_imm8)]
public readonly struct Aad : IDecimal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TFlags>(ref ushort ax, byte immediate, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        ax = (byte)(ax + (ax >> 8) * immediate);
        flags.SetLogic((byte)ax);
        flags.Undefined(Eflags.OF | Eflags.AF | Eflags.CF);
        return true;
    }
}
