namespace Harness.Isa.Instructions;

/// <summary>Copy between general registers, memory and immediates; no flags (SDM Vol. 2B, MOV).</summary>
[Encodings(
    Code.Mov_rm8_r8, Code.Mov_rm16_r16, Code.Mov_rm32_r32, Code.Mov_r8_rm8, Code.Mov_r16_rm16, Code.Mov_r32_rm32, Code.Mov_AL_moffs8,
    Code.Mov_AX_moffs16, Code.Mov_EAX_moffs32, Code.Mov_moffs8_AL, Code.Mov_moffs16_AX, Code.Mov_moffs32_EAX, Code.Mov_r8_imm8, Code.Mov_r16_imm16,
    Code.Mov_r32_imm32, Code.Mov_rm8_imm8, Code.Mov_rm16_imm16, Code.Mov_rm32_imm32)]
public readonly struct Mov : IMove;
