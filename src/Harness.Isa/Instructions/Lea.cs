namespace Harness.Isa.Instructions;

/// <summary>The offset of the memory operand, cut or zero-extended to the operand size; no access (SDM Vol. 2A, LEA).</summary>
[Encodings(Code.Lea_r16_m, Code.Lea_r32_m)]
public readonly struct Lea : IAddress;
