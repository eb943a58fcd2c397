namespace Harness.Isa.Instructions;

/// <summary>The jump is taken if the condition holds (SDM Vol. 2A, Jcc).</summary>
[Encodings(
    Code.Jo_rel8_16, Code.Jo_rel8_32, Code.Jo_rel16, Code.Jo_rel32_32, Code.Jno_rel8_16, Code.Jno_rel8_32, Code.Jno_rel16, Code.Jno_rel32_32,
    Code.Jb_rel8_16, Code.Jb_rel8_32, Code.Jb_rel16, Code.Jb_rel32_32, Code.Jae_rel8_16, Code.Jae_rel8_32, Code.Jae_rel16, Code.Jae_rel32_32,
    Code.Je_rel8_16, Code.Je_rel8_32, Code.Je_rel16, Code.Je_rel32_32, Code.Jne_rel8_16, Code.Jne_rel8_32, Code.Jne_rel16, Code.Jne_rel32_32,
    Code.Jbe_rel8_16, Code.Jbe_rel8_32, Code.Jbe_rel16, Code.Jbe_rel32_32, Code.Ja_rel8_16, Code.Ja_rel8_32, Code.Ja_rel16, Code.Ja_rel32_32,
    Code.Js_rel8_16, Code.Js_rel8_32, Code.Js_rel16, Code.Js_rel32_32, Code.Jns_rel8_16, Code.Jns_rel8_32, Code.Jns_rel16, Code.Jns_rel32_32,
    Code.Jp_rel8_16, Code.Jp_rel8_32, Code.Jp_rel16, Code.Jp_rel32_32, Code.Jnp_rel8_16, Code.Jnp_rel8_32, Code.Jnp_rel16, Code.Jnp_rel32_32,
    Code.Jl_rel8_16, Code.Jl_rel8_32, Code.Jl_rel16, Code.Jl_rel32_32, Code.Jge_rel8_16, Code.Jge_rel8_32, Code.Jge_rel16, Code.Jge_rel32_32,
    Code.Jle_rel8_16, Code.Jle_rel8_32, Code.Jle_rel16, Code.Jle_rel32_32, Code.Jg_rel8_16, Code.Jg_rel8_32, Code.Jg_rel16, Code.Jg_rel32_32)]
public readonly struct Jcc : IConditional;
