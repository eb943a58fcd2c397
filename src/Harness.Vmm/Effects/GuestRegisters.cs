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

    /// <summary>The flags that are never translated.</summary>
    public const uint Arithmetic = Eflags.Status | Eflags.DF;

    /// <summary>What a program sees of its own registers; the rest is 0.</summary>
    internal readonly GuestRegisters OfProgram => new()
    {
        Eax = Eax,
        Ecx = Ecx,
        Edx = Edx,
        Ebx = Ebx,
        Esp = Esp,
        Ebp = Ebp,
        Esi = Esi,
        Edi = Edi,
        Eip = Eip,
        ArithmeticFlags = ArithmeticFlags,
        Cpl = Cpl,
        Cs = Cs,
        Ss = Ss,
        Ds = Ds,
        Es = Es,
        Fs = Fs,
        Gs = Gs,
    };

    /// <summary>Name of the first register that no inverse map may change and that differs from <paramref name="raw"/>; null: none.</summary>
    internal readonly string? ChangedRaw(in GuestRegisters raw) =>
        Eax != raw.Eax ? "eax"
        : Ecx != raw.Ecx ? "ecx"
        : Edx != raw.Edx ? "edx"
        : Ebx != raw.Ebx ? "ebx"
        : Esp != raw.Esp ? "esp"
        : Ebp != raw.Ebp ? "ebp"
        : Esi != raw.Esi ? "esi"
        : Edi != raw.Edi ? "edi"
        : Eip != raw.Eip ? "eip"
        : ArithmeticFlags != raw.ArithmeticFlags ? "eflags"
        : null;

    /// <summary>Of the processor that runs a guest directly, EIP being the guest's own where a copy of its code runs.</summary>
    internal static GuestRegisters Of(Processor processor, IMonitor monitor)
    {
        var raw = Of(processor);
        return monitor.SourceOf(new LinearAddress(processor.State.Cs.Base + raw.Eip)) is { } source ? raw with { Eip = source.Eip } : raw;
    }

    internal static GuestRegisters Of(Processor processor) => Of(ref processor.State);

    internal static unsafe GuestRegisters Of(ref CpuState state)
    {
        uint flags = state.Status.Status | state.OtherFlags;
        return new GuestRegisters
        {
            Eax = (uint)state.Registers[0],
            Ecx = (uint)state.Registers[1],
            Edx = (uint)state.Registers[2],
            Ebx = (uint)state.Registers[3],
            Esp = (uint)state.Registers[4],
            Ebp = (uint)state.Registers[5],
            Esi = (uint)state.Registers[6],
            Edi = (uint)state.Registers[7],
            Eip = state.Eip,
            ArithmeticFlags = flags & Arithmetic,
            SystemFlags = flags & ~Arithmetic,
            Cpl = state.Cpl,
            Cs = state.Cs.Selector,
            Ss = state.Ss.Selector,
            Ds = state.Ds.Selector,
            Es = state.Es.Selector,
            Fs = state.Fs.Selector,
            Gs = state.Gs.Selector,
            Ldtr = state.Ldtr.Selector,
            Tr = state.Tr.Selector,
            GdtrBase = state.Gdtr.Base,
            GdtrLimit = (ushort)state.Gdtr.Limit,
            IdtrBase = state.Idtr.Base,
            IdtrLimit = (ushort)state.Idtr.Limit,
            Cr0 = state.System.Cr0,
            Cr2 = state.System.Cr2,
            Cr3 = state.System.Cr3,
            Cr4 = state.System.Cr4,
            Dr7 = state.System.Dr7,
        };
    }
}
