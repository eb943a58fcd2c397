namespace Harness.Vmm;

/// <summary>A register, or a flag or field of one, by the name that divergences use: "ecx", "eflags.IF", "gdtr.base".</summary>
public sealed class GuestRegister
{
    private readonly Func<GuestRegisters, uint> _read;

    private GuestRegister(string name, Func<GuestRegisters, uint> read)
    {
        Name = name;
        _read = read;
    }

    public string Name { get; }

    /// <summary>Every value of <see cref="GuestRegisters"/>, in the order in which a divergence is named.</summary>
    public static IReadOnlyList<GuestRegister> All { get; } =
    [
        new("eax", r => r.Eax),
        new("ecx", r => r.Ecx),
        new("edx", r => r.Edx),
        new("ebx", r => r.Ebx),
        new("esp", r => r.Esp),
        new("ebp", r => r.Ebp),
        new("esi", r => r.Esi),
        new("edi", r => r.Edi),
        Flag("CF", Eflags.CF),
        Flag("PF", Eflags.PF),
        Flag("AF", Eflags.AF),
        Flag("ZF", Eflags.ZF),
        Flag("SF", Eflags.SF),
        Flag("DF", Eflags.DF),
        Flag("OF", Eflags.OF),
        Flag("IF", Eflags.IF),
        new("eflags.IOPL", r => (r.SystemFlags & Eflags.IOPL) >> Eflags.IoplShift),
        Flag("TF", Eflags.TF),
        Flag("NT", Eflags.NT),
        Flag("RF", Eflags.RF),
        Flag("VM", Eflags.VM),
        Flag("AC", Eflags.AC),
        Flag("VIF", Eflags.VIF),
        Flag("VIP", Eflags.VIP),
        Flag("ID", Eflags.ID),
        new("cpl", r => (uint)r.Cpl),
        new("cs", r => r.Cs),
        new("ss", r => r.Ss),
        new("ds", r => r.Ds),
        new("es", r => r.Es),
        new("fs", r => r.Fs),
        new("gs", r => r.Gs),
        new("ldtr", r => r.Ldtr),
        new("tr", r => r.Tr),
        new("gdtr.base", r => r.GdtrBase),
        new("gdtr.limit", r => r.GdtrLimit),
        new("idtr.base", r => r.IdtrBase),
        new("idtr.limit", r => r.IdtrLimit),
        new("cr0", r => r.Cr0),
        new("cr2", r => r.Cr2),
        new("cr3", r => r.Cr3),
        new("cr4", r => r.Cr4),
        new("dr7", r => r.Dr7),
        new("eip", r => r.Eip),
    ];

    public uint Read(in GuestRegisters registers) => _read(registers);

    private static GuestRegister Flag(string name, uint bit) => new("eflags." + name, r => ((r.ArithmeticFlags | r.SystemFlags) & bit) != 0 ? 1u : 0);
}
