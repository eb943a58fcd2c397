namespace Harness.Isa.Instructions;

/// <summary>SF, ZF, AF, PF and CF from AH; OF stays (SDM Vol. 2B, SAHF).</summary>
[Encodings(Code.Sahf)]
public readonly struct Sahf : IFlagOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        flags.SetStatus((flags.Status & Eflags.OF) | (ah & Eflags.Status));
    }
}
