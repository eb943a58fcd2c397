namespace Harness.Isa.Instructions;

/// <summary>No operation; an operand in memory is not accessed (SDM Vol. 2B, NOP).</summary>
[Encodings(Code.Nopw, Code.Nopd, Code.Nop_rm16, Code.Nop_rm32)]
public readonly struct Nop : INop;
