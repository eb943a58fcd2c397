namespace Harness.Isa.Instructions;

/// <summary>Two operands change places; no flags (SDM Vol. 2D, XCHG).</summary>
[Encodings(Code.Xchg_rm8_r8, Code.Xchg_rm16_r16, Code.Xchg_rm32_r32, Code.Xchg_r16_AX, Code.Xchg_r32_EAX)]
public readonly struct Xchg : IExchange;
