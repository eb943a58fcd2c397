namespace Harness.Isa.Instructions;

/// <summary>AH = the low byte of EFLAGS (SDM Vol. 2A, LAHF).</summary>
[Encodings(Code.Lahf)]
public readonly struct Lahf : IFlagOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        ah = (byte)(flags.Status | Eflags.Fixed);
    }
}
