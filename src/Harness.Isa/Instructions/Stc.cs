namespace Harness.Isa.Instructions;

/// <summary>CF = 1 (SDM Vol. 2B, STC).</summary>
[Encodings(Code.Stc)]
public readonly struct Stc : IFlagOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        flags.SetCarry(true);
    }
}
