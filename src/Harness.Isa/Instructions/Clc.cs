namespace Harness.Isa.Instructions;

/// <summary>CF = 0 (SDM Vol. 2A, CLC).</summary>
[Encodings(Code.Clc)]
public readonly struct Clc : IFlagOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        flags.SetCarry(false);
    }
}
