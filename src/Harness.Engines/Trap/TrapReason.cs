using System.Globalization;
using Iced.Intel;

namespace Harness.Engines.Trap;

/// <summary>Why an instruction trapped, and what it was about, in the words of the ledger.</summary>
internal static class TrapReason
{
    public const string Reflected = "reflected";
    public const string SoftwareInterrupt = "software-interrupt";
    public const string Compression = "compression";

    /// <summary>By the instruction alone: the processor does not tell why a #GP is one.</summary>
    public static string Of(in Instruction instruction)
    {
        if (IsSegmentLoad(instruction))
        {
            return "segment";
        }

        return instruction.Mnemonic switch
        {
            Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => "io",
            Mnemonic.Int or Mnemonic.Int3 or Mnemonic.Into => SoftwareInterrupt,
            _ when instruction.IsPrivileged || IsPrivilegedByControl(instruction.Mnemonic) => "privileged",
            _ => Compression,
        };
    }

    /// <summary>Port, MSR, control register or vector; empty for others.</summary>
    public static string DetailOf(in Instruction instruction, Emulator emulator) => instruction.Mnemonic switch
    {
        Mnemonic.In => Port(instruction, 1, emulator),
        Mnemonic.Out => Port(instruction, 0, emulator),
        Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => Number((ushort)emulator.Gpr(2)),
        Mnemonic.Int => Number(instruction.Immediate8),
        Mnemonic.Rdmsr or Mnemonic.Wrmsr => Number(emulator.Gpr(1)),
        Mnemonic.Mov when instruction.Op0Register.IsCR() || instruction.Op0Register.IsDR() => Name(instruction.Op0Register),
        Mnemonic.Mov when instruction.Op1Register.IsCR() || instruction.Op1Register.IsDR() => Name(instruction.Op1Register),
        _ => "",
    };

    private static bool IsSegmentLoad(in Instruction instruction) =>
        instruction.Op0Register.IsSegmentRegister()
        || instruction.Mnemonic is Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss or Mnemonic.Retf or Mnemonic.Iret or Mnemonic.Iretd
        || instruction.IsJmpFar || instruction.IsCallFar || instruction.IsJmpFarIndirect || instruction.IsCallFarIndirect;

    /// <summary>Privileged where IOPL, CR4 or the mode says so.</summary>
    private static bool IsPrivilegedByControl(Mnemonic mnemonic) => mnemonic
        is Mnemonic.Cli or Mnemonic.Sti or Mnemonic.Rdtsc or Mnemonic.Rdpmc or Mnemonic.Sysenter or Mnemonic.Sysexit
        or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw;

    private static string Port(in Instruction instruction, int operand, Emulator emulator) =>
        Number(instruction.GetOpKind(operand) == OpKind.Immediate8 ? instruction.Immediate8 : (ushort)emulator.Gpr(2));

    private static string Number(uint value) => value.ToString("X", CultureInfo.InvariantCulture) + "h";

    private static string Name(Register register) => register.ToString().ToUpperInvariant();
}
