namespace Harness.Scenarios;

/// <summary>Bits of EFLAGS as operands and as expected values (SDM Vol. 1, 3.4.3).</summary>
[Flags]
public enum Flags : uint
{
    None = 0,
    CF = Eflags.CF,

    /// <summary>Bit 1, which reads as one.</summary>
    Fixed = Eflags.Fixed,
    PF = Eflags.PF,
    AF = Eflags.AF,
    ZF = Eflags.ZF,
    SF = Eflags.SF,
    TF = Eflags.TF,
    IF = Eflags.IF,
    DF = Eflags.DF,
    OF = Eflags.OF,
    IOPL1 = 1u << Eflags.IoplShift,
    IOPL2 = 2u << Eflags.IoplShift,
    IOPL3 = 3u << Eflags.IoplShift,
    NT = Eflags.NT,
    RF = Eflags.RF,
    VM = Eflags.VM,
    AC = Eflags.AC,
    VIF = Eflags.VIF,
    VIP = Eflags.VIP,
    ID = Eflags.ID,
}
