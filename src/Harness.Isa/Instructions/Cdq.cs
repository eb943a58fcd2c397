namespace Harness.Isa.Instructions;

/// <summary>EDX:EAX = EAX, sign-extended (SDM Vol. 2A, CWD/CDQ/CQO).</summary>
[Encodings(Code.Cdq)]
public readonly struct Cdq : IAccumulator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        edx = (uint)((int)eax >> 31);
    }
}
