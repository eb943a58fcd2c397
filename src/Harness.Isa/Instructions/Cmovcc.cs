namespace Harness.Isa.Instructions;

/// <summary>The source is always read; it is written to the destination if the condition holds (SDM Vol. 2A, CMOVcc).</summary>
[Encodings(
    Code.Cmovo_r16_rm16, Code.Cmovo_r32_rm32, Code.Cmovno_r16_rm16, Code.Cmovno_r32_rm32, Code.Cmovb_r16_rm16, Code.Cmovb_r32_rm32, Code.Cmovae_r16_rm16,
    Code.Cmovae_r32_rm32, Code.Cmove_r16_rm16, Code.Cmove_r32_rm32, Code.Cmovne_r16_rm16, Code.Cmovne_r32_rm32, Code.Cmovbe_r16_rm16,
    Code.Cmovbe_r32_rm32, Code.Cmova_r16_rm16, Code.Cmova_r32_rm32, Code.Cmovs_r16_rm16, Code.Cmovs_r32_rm32, Code.Cmovns_r16_rm16, Code.Cmovns_r32_rm32,
    Code.Cmovp_r16_rm16, Code.Cmovp_r32_rm32, Code.Cmovnp_r16_rm16, Code.Cmovnp_r32_rm32, Code.Cmovl_r16_rm16, Code.Cmovl_r32_rm32, Code.Cmovge_r16_rm16,
    Code.Cmovge_r32_rm32, Code.Cmovle_r16_rm16, Code.Cmovle_r32_rm32, Code.Cmovg_r16_rm16, Code.Cmovg_r32_rm32)]
public readonly struct Cmovcc : IConditional;
