namespace Harness.Isa;

/// <summary>What distinguishes processor models beyond the instructions that Iced's CPUID features name; each is a line in a model's data file.</summary>
public enum Feature : byte
{
    /// <summary>CR0.WP, CR0.AM, CR0.NE and the AC flag.</summary>
    I486,

    /// <summary>CR4 exists.</summary>
    Cr4,
    Vme,
    De,
    Pse,
    Tsc,
    Msr,
    Pae,
    Mce,
    Pge,
    Nx,
    Sep,
    Pmc,
    Pse36,
    Umip,
    CpuidFaulting,
    Smep,
    Vmx,
    Cpuid,
    Fxsr,
    Sse,
    Smap,
}
