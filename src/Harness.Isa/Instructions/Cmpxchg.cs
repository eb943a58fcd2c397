namespace Harness.Isa.Instructions;

/// <summary>
/// If the accumulator equals the destination, the destination becomes the source, else the accumulator becomes the destination; the flags are those of
/// CMP accumulator, destination (SDM Vol. 2A, CMPXCHG).
/// </summary>
[Encodings(Code.Cmpxchg_rm8_r8, Code.Cmpxchg_rm16_r16, Code.Cmpxchg_rm32_r32)]
public readonly struct Cmpxchg : IExchangeCompute
{
    public static bool UsesAccumulator => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<T, TFlags>(ref T destination, ref T accumulator, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T old = destination;
        Cmp.Execute(accumulator, old, ref flags);
        if (accumulator == old)
        {
            destination = source;
        }
        else
        {
            accumulator = old;
        }
    }
}
