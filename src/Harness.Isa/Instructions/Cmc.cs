namespace Harness.Isa.Instructions;

/// <summary>CF = !CF (SDM Vol. 2A, CMC).</summary>
[Encodings(Code.Cmc)]
public readonly struct Cmc : IFlagOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        flags.SetCarry(!flags.CF);
    }
}
