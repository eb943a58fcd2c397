namespace Harness.Isa.Instructions;

/// <summary>The byte is 1 if the condition holds, else 0 (SDM Vol. 2B, SETcc).</summary>
[Encodings(
    Code.Seto_rm8, Code.Setno_rm8, Code.Setb_rm8, Code.Setae_rm8, Code.Sete_rm8, Code.Setne_rm8, Code.Setbe_rm8, Code.Seta_rm8, Code.Sets_rm8,
    Code.Setns_rm8, Code.Setp_rm8, Code.Setnp_rm8, Code.Setl_rm8, Code.Setge_rm8, Code.Setle_rm8, Code.Setg_rm8)]
public readonly struct Setcc : IConditional;
