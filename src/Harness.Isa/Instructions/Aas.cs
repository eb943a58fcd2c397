namespace Harness.Isa.Instructions;

/// <summary>ASCII adjust after subtraction. OF, SF, ZF and PF are undefined (SDM Vol. 2A, AAS).</summary>
[Encodings(Code.Aas)]
public readonly struct Aas : IDecimal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TFlags>(ref ushort ax, byte immediate, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        bool adjust = (ax & 0xF) > 9 || flags.AF;
        ax = (ushort)((adjust ? ax - 0x106 : ax) & 0xFF0F);
        flags.SetLogic((byte)ax);
        flags.SetStatus(flags.Status | (adjust ? Eflags.AF | Eflags.CF : 0));
        flags.Undefined(Eflags.OF | Eflags.SF | Eflags.ZF | Eflags.PF);
        return true;
    }
}
