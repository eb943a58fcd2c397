namespace Harness.Isa.Instructions;

/// <summary>EAX = AX, sign-extended (SDM Vol. 2A, CBW/CWDE/CDQE).</summary>
[Encodings(Code.Cwde)]
public readonly struct Cwde : IAccumulator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        eax = (uint)(short)eax;
    }
}
