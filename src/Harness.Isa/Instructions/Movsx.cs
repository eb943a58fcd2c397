namespace Harness.Isa.Instructions;

/// <summary>Sign extension; no flags (SDM Vol. 2B, MOVSX).</summary>
[Encodings(Code.Movsx_r16_rm8, Code.Movsx_r32_rm8, Code.Movsx_r16_rm16, Code.Movsx_r32_rm16)]
public readonly struct Movsx : IExtend
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TTo Execute<TFrom, TTo>(TFrom value)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        return Width.Truncate<TTo>((ulong)Width.SignExtend(value));
    }
}
