namespace Harness.Engines;

/// <summary>
/// What decides how linear addresses of the guest are translated: two equal states are one address space. The page-directory-pointer table is no traced
/// memory: loading CR3 reads it once (SDM Vol. 3A, 4.4.1).
/// </summary>
internal readonly record struct PagingState(uint Cr0, uint Cr3, uint Cr4, ulong Pdpte0, ulong Pdpte1, ulong Pdpte2, ulong Pdpte3, ulong Efer)
{
    /// <summary>The guest's as it is now.</summary>
    public static PagingState Of(Emulator emulator)
    {
        ref SystemRegisters system = ref emulator.System;
        return new PagingState(
            system.Cr0 & (Isa.Cr0.PG | Isa.Cr0.WP),
            system.Cr3,
            system.Cr4 & (Isa.Cr4.PSE | Isa.Cr4.PAE | Isa.Cr4.PGE),
            system.Pdpte0,
            system.Pdpte1,
            system.Pdpte2,
            system.Pdpte3,
            system.Efer & Isa.Efer.NXE);
    }
}
