namespace Harness.Isa.Instructions;

/// <summary>Zero extension; no flags (SDM Vol. 2B, MOVZX).</summary>
[Encodings(Code.Movzx_r16_rm8, Code.Movzx_r32_rm8, Code.Movzx_r16_rm16, Code.Movzx_r32_rm16)]
public readonly struct Movzx : IExtend
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TTo Execute<TFrom, TTo>(TFrom value)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        return Width.Truncate<TTo>(Width.ZeroExtend(value));
    }
}
