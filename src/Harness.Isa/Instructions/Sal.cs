namespace Harness.Isa.Instructions;

/// <summary>The second encoding of <see cref="Shl"/>, /6, which the manual leaves out and processors treat as /4.</summary>
[Encodings(
    Code.Sal_rm8_imm8, Code.Sal_rm16_imm8, Code.Sal_rm32_imm8, Code.Sal_rm8_1, Code.Sal_rm16_1, Code.Sal_rm32_1, Code.Sal_rm8_CL, Code.Sal_rm16_CL,
    Code.Sal_rm32_CL)]
public readonly struct Sal : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        return Shl.Execute(value, count, ref flags);
    }
}
