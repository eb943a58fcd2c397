namespace Harness.Isa.Instructions;

/// <summary>AX = AL, sign-extended (SDM Vol. 2A, CBW/CWDE/CDQE).</summary>
[Encodings(Code.Cbw)]
public readonly struct Cbw : IAccumulator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        ushort extended = (ushort)(sbyte)eax;
        eax = (eax & 0xFFFF_0000) | extended;
    }
}
