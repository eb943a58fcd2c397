namespace Harness.Isa.Instructions;

/// <summary>
/// 0F 0D and 0F 18 to 0F 1F where nothing newer has taken them: no operation, and an operand in memory is not accessed (SDM Vol. 2B, NOP).
/// </summary>
[Encodings(
    Code.Reservednop_rm16_r16_0F0D, Code.Reservednop_rm32_r32_0F0D, Code.Reservednop_rm16_r16_0F18, Code.Reservednop_rm32_r32_0F18,
    Code.Reservednop_rm16_r16_0F19, Code.Reservednop_rm32_r32_0F19, Code.Reservednop_rm16_r16_0F1A, Code.Reservednop_rm32_r32_0F1A,
    Code.Reservednop_rm16_r16_0F1B, Code.Reservednop_rm32_r32_0F1B, Code.Reservednop_rm16_r16_0F1C, Code.Reservednop_rm32_r32_0F1C,
    Code.Reservednop_rm16_r16_0F1D, Code.Reservednop_rm32_r32_0F1D, Code.Reservednop_rm16_r16_0F1E, Code.Reservednop_rm32_r32_0F1E,
    Code.Reservednop_rm16_r16_0F1F, Code.Reservednop_rm32_r32_0F1F)]
public readonly struct Reservednop : INop;
