namespace Harness.Isa.Instructions;

/// <summary>AL = FFh if CF is set, else 0; no flags. Undocumented, D6, on processors since the 8086.</summary>
[Encodings(Code.Salc)]
public readonly struct Salc : IAccumulator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        eax = (eax & 0xFFFF_FF00) | (flags.CF ? 0xFFu : 0);
    }
}
