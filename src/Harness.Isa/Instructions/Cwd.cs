namespace Harness.Isa.Instructions;

/// <summary>DX:AX = AX, sign-extended (SDM Vol. 2A, CWD/CDQ/CQO).</summary>
[Encodings(Code.Cwd)]
public readonly struct Cwd : IAccumulator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        edx = (edx & 0xFFFF_0000) | ((eax & 0x8000) != 0 ? 0xFFFFu : 0);
    }
}
