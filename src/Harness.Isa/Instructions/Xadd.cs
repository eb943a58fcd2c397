namespace Harness.Isa.Instructions;

/// <summary>
/// The register becomes the destination, and the destination the sum; of one register for both, the sum stays (SDM Vol. 2D, XADD).
/// </summary>
[Encodings(Code.Xadd_rm8_r8, Code.Xadd_rm16_r16, Code.Xadd_rm32_r32)]
public readonly struct Xadd : IExchangeCompute
{
    public static bool UsesAccumulator => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Execute<T, TFlags>(ref T destination, ref T accumulator, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        T old = destination;
        accumulator = old;
        destination = Add.Execute(old, source, ref flags);
    }
}
