namespace Harness.Vmm;

/// <summary>
/// Registers of a guest at a boundary, as equivalence compares them. General registers, EIP and the arithmetic flags are raw and stay so; an engine's inverse
/// map may change the rest: CPL, RPL of selectors, system flags, table registers, control registers and DR7.
/// </summary>
public record struct GuestRegisters
{
    public uint Eax { get; init; }

    public uint Ecx { get; init; }

    public uint Edx { get; init; }

    public uint Ebx { get; init; }

    public uint Esp { get; init; }

    public uint Ebp { get; init; }

    public uint Esi { get; init; }

    public uint Edi { get; init; }

    public uint Eip { get; init; }

    /// <summary>CF, PF, AF, ZF, SF, DF, OF.</summary>
    public uint ArithmeticFlags { get; init; }

    /// <summary>The other bits of EFLAGS. Translatable: IF, IOPL, VM, VIF, VIP, RF, TF.</summary>
    public uint SystemFlags { get; set; }

    /// <summary>Translatable.</summary>
    public int Cpl { get; set; }

    /// <summary>Selectors; translatable in the RPL, and whole where the monitor loaded them.</summary>
    public ushort Cs { get; set; }

    public ushort Ss { get; set; }

    public ushort Ds { get; set; }

    public ushort Es { get; set; }

    public ushort Fs { get; set; }

    public ushort Gs { get; set; }

    public ushort Ldtr { get; set; }

    public ushort Tr { get; set; }

    public uint GdtrBase { get; set; }

    public ushort GdtrLimit { get; set; }

    public uint IdtrBase { get; set; }

    public ushort IdtrLimit { get; set; }

    public uint Cr0 { get; set; }

    public uint Cr2 { get; set; }

    public uint Cr3 { get; set; }

    public uint Cr4 { get; set; }

    public uint Dr7 { get; set; }
}
