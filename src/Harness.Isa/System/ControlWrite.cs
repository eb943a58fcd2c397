namespace Harness.Isa;

/// <summary>Writes of control registers with the checks that belong to them (SDM Vol. 2, MOV to CR; Vol. 3A, 2.5 and 4.4.1).</summary>
public static class ControlWrite
{
    private const uint Cr0Of386 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.PG;
    private const uint Cr0Flushing = Cr0.PG | Cr0.PE | Cr0.WP;
    private const uint Cr0Reloading = Cr0.PG | Cr0.CD | Cr0.NW;
    private const uint Cr4Flushing = Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP | Cr4.SMAP;

    /// <summary>Bits of a present PDPTE that must be zero below the physical address width (SDM Vol. 3A, Table 4-8).</summary>
    private const ulong PdpteReserved = 0x1E6;

    /// <summary>MOV CR0, LMSW, CLTS. Undefined bits stay zero and ET stays as it is; an illegal combination is #GP(0).</summary>
    public static bool SetCr0<TPort>(ref TPort port, uint value) where TPort : struct, IPort
    {
        uint old = port.System.Cr0;
        uint writable = port.Has(Feature.I486) ? Cr0.Defined & ~Cr0.ET : Cr0Of386;
        value = (port.FilterControlWrite(0, value) & writable) | (old & Cr0.ET);
        if ((value & (Cr0.PG | Cr0.PE)) == Cr0.PG || (value & (Cr0.NW | Cr0.CD)) == Cr0.NW || !port.AllowsControl(0, value))
        {
            return port.Fault(Vector.GP);
        }

        bool reload = ((old ^ value) & Cr0Reloading) != 0 && UsesPdptes(value, port.System.Cr4);
        if (reload && !LoadPdptes(ref port, port.System.Cr3))
        {
            return false;
        }

        port.ChangeSystem().Cr0 = value;
        if (((old ^ value) & Cr0Flushing) != 0)
        {
            port.FlushTlb(true);
        }

        return true;
    }

    /// <summary>MOV CR3 and task switches: under PAE paging the PDPTEs are loaded and checked.</summary>
    public static bool SetCr3<TPort>(ref TPort port, uint value) where TPort : struct, IPort
    {
        if (UsesPdptes(port.System.Cr0, port.System.Cr4) && !LoadPdptes(ref port, value))
        {
            return false;
        }

        port.ChangeSystem().Cr3 = value;
        port.FlushTlb(false);
        return true;
    }

    /// <summary>MOV CR4: a bit that the model lacks is #GP(0).</summary>
    public static bool SetCr4<TPort>(ref TPort port, uint value) where TPort : struct, IPort
    {
        uint old = port.System.Cr4;
        value = port.FilterControlWrite(4, value);
        if ((value & ~DefinedCr4(ref port)) != 0 || !port.AllowsControl(4, value))
        {
            return port.Fault(Vector.GP);
        }

        bool reload = ((old ^ value) & Cr4Flushing) != 0 && UsesPdptes(port.System.Cr0, value);
        if (reload && !LoadPdptes(ref port, port.System.Cr3))
        {
            return false;
        }

        port.ChangeSystem().Cr4 = value;
        if (((old ^ value) & Cr4Flushing) != 0)
        {
            port.FlushTlb(true);
        }

        return true;
    }

    /// <summary>Loads the four PDPTE registers; a reserved bit in a present one is #GP(0), and none changes.</summary>
    public static bool LoadPdptes<TPort>(ref TPort port, uint cr3) where TPort : struct, IPort
    {
        Span<ulong> entries = stackalloc ulong[4];
        ulong reserved = PdpteReserved | ulong.MaxValue << PhysicalAddressBits(ref port);
        for (int index = 0; index < entries.Length; index++)
        {
            if (!port.ReadPhysical((cr3 & ~31u) + (uint)index * 8, out entries[index]))
            {
                return false;
            }

            if ((entries[index] & 1) != 0 && (entries[index] & reserved) != 0)
            {
                return port.Fault(Vector.GP);
            }
        }

        ref SystemRegisters system = ref port.ChangeSystem();
        system.Pdpte0 = entries[0];
        system.Pdpte1 = entries[1];
        system.Pdpte2 = entries[2];
        system.Pdpte3 = entries[3];
        return true;
    }

    private static bool UsesPdptes(uint cr0, uint cr4) => (cr0 & Cr0.PG) != 0 && (cr4 & Cr4.PAE) != 0;

    /// <summary>MAXPHYADDR: from CPUID, else 36 (SDM Vol. 3A, 4.1.4).</summary>
    private static int PhysicalAddressBits<TPort>(ref TPort port) where TPort : struct, IPort
    {
        const uint AddressSizes = 0x80000008;
        return port.Cpuid(0x80000000, 0).Eax is >= AddressSizes and < 0x80010000 ? (int)(port.Cpuid(AddressSizes, 0).Eax & 0xFF) : 36;
    }

    private static uint DefinedCr4<TPort>(ref TPort port) where TPort : struct, IPort =>
        (port.Has(Feature.Vme) ? Cr4.VME | Cr4.PVI : 0)
        | (port.Has(Feature.Tsc) ? Cr4.TSD : 0)
        | (port.Has(Feature.De) ? Cr4.DE : 0)
        | (port.Has(Feature.Pse) ? Cr4.PSE : 0)
        | (port.Has(Feature.Pae) ? Cr4.PAE : 0)
        | (port.Has(Feature.Mce) ? Cr4.MCE : 0)
        | (port.Has(Feature.Pge) ? Cr4.PGE : 0)
        | (port.Has(Feature.Pmc) ? Cr4.PCE : 0)
        | (port.Has(Feature.Fxsr) ? Cr4.OSFXSR : 0)
        | (port.Has(Feature.Sse) ? Cr4.OSXMMEXCPT : 0)
        | (port.Has(Feature.Umip) ? Cr4.UMIP : 0)
        | (port.Has(Feature.Vmx) ? Cr4.VMXE : 0)
        | (port.Has(Feature.Smep) ? Cr4.SMEP : 0)
        | (port.Has(Feature.Smap) ? Cr4.SMAP : 0);
}
