using Iced.Intel;

namespace Harness.Engines;

/// <summary>Why an instruction trapped, in the words of the ledger.</summary>
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

    private static bool IsSegmentLoad(in Instruction instruction) =>
        instruction.Op0Register.IsSegmentRegister()
        || instruction.Mnemonic is Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss or Mnemonic.Retf or Mnemonic.Iret or Mnemonic.Iretd
        || instruction.IsJmpFar || instruction.IsCallFar || instruction.IsJmpFarIndirect || instruction.IsCallFarIndirect;

    /// <summary>Privileged where IOPL, CR4 or the mode says so.</summary>
    private static bool IsPrivilegedByControl(Mnemonic mnemonic) => mnemonic
        is Mnemonic.Cli or Mnemonic.Sti or Mnemonic.Rdtsc or Mnemonic.Rdpmc or Mnemonic.Sysenter or Mnemonic.Sysexit
        or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw;
}
