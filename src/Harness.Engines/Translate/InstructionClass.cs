using Iced.Intel;

namespace Harness.Engines.Translate;

/// <summary>What becomes of a guest instruction in the cache.</summary>
internal enum InstructionClass
{
    /// <summary>A copy.</summary>
    Ident,

    /// <summary>JMP and Jcc to an address that is known: another displacement.</summary>
    Branch,

    /// <summary>LOOP and JECXZ, whose displacement is too short.</summary>
    ShortBranch,

    /// <summary>CALL to an address that is known; what it pushes is the guest's.</summary>
    Call,

    /// <summary>JMP or CALL to an address from a register or memory, and RET: looked up.</summary>
    IndirectJump,
    IndirectCall,
    Return,

    /// <summary>Emulated in the cache with virtual state.</summary>
    Cli,
    Sti,
    Pushf,
    Popf,
    Rdtsc,

    /// <summary>What a less privileged ring or another code segment would do otherwise, and what has ticks of its own: left to the monitor.</summary>
    Sensitive,

    /// <summary>A memory access that kept faulting on traced memory: left to the monitor at once.</summary>
    Traced,
}

/// <summary>Decides it by the instruction alone, in a flat 32-bit kernel; what the code and stack segments allow is asked apart.</summary>
internal static class InstructionClasses
{
    public static InstructionClass Of(in Instruction instruction) => instruction.Code switch
    {
        Code.Cli => InstructionClass.Cli,
        Code.Sti => InstructionClass.Sti,
        Code.Pushfd => InstructionClass.Pushf,
        Code.Popfd => InstructionClass.Popf,
        Code.Rdtsc => InstructionClass.Rdtsc,
        Code.Jmp_rel8_32 or Code.Jmp_rel32_32 => InstructionClass.Branch,
        Code.Call_rel32_32 => InstructionClass.Call,
        Code.Retnd or Code.Retnd_imm16 => InstructionClass.Return,
        Code.Jmp_rm32 when CanLoadTarget(instruction) => InstructionClass.IndirectJump,
        Code.Call_rm32 when CanLoadTarget(instruction) => InstructionClass.IndirectCall,
        Code.Jecxz_rel8_32 or Code.Jcxz_rel8_32
            or Code.Loop_rel8_32_ECX or Code.Loop_rel8_32_CX or Code.Loope_rel8_32_ECX or Code.Loope_rel8_32_CX
            or Code.Loopne_rel8_32_ECX or Code.Loopne_rel8_32_CX => InstructionClass.ShortBranch,
        _ when instruction.IsJccShortOrNear && instruction.Op0Kind == OpKind.NearBranch32 => InstructionClass.Branch,
        _ when instruction.FlowControl != FlowControl.Next || IsSensitive(instruction) => InstructionClass.Sensitive,
        _ => InstructionClass.Ident,
    };

    /// <summary>In the words of the ledger.</summary>
    public static string NameOf(InstructionClass type) => type switch
    {
        InstructionClass.ShortBranch => "short-branch",
        InstructionClass.IndirectJump => "indirect-jump",
        InstructionClass.IndirectCall => "indirect-call",
        _ => type.ToString().ToLowerInvariant(),
    };

    /// <summary>Which instruction it is; empty for classes of many.</summary>
    public static string MnemonicOf(InstructionClass type) => type switch
    {
        InstructionClass.Return => "ret",
        InstructionClass.IndirectJump => "jmp",
        InstructionClass.Call or InstructionClass.IndirectCall => "call",
        InstructionClass.Pushf => "pushfd",
        InstructionClass.Popf => "popfd",
        InstructionClass.Cli or InstructionClass.Sti or InstructionClass.Rdtsc => NameOf(type),
        _ => "",
    };

    /// <summary>The guest never goes on behind it.</summary>
    public static bool EndsUnit(in Instruction instruction) => instruction.FlowControl is not (FlowControl.Next or FlowControl.ConditionalBranch);

    private static bool CanLoadTarget(in Instruction instruction) =>
        instruction.Op0Kind == OpKind.Register || (!UsesMonitorSegments(instruction) && !instruction.MemoryBase.IsGPR16() && !instruction.MemoryIndex.IsGPR16()
            && instruction.MemoryDisplSize != 2);

    /// <summary>CS is the cache's, GS the monitor's.</summary>
    private static bool UsesMonitorSegments(in Instruction instruction) => instruction.SegmentPrefix is Register.CS or Register.GS;

    /// <summary>Does something else in ring 1, over the monitor's tables or from the cache's segments, or has a length in ticks of its own.</summary>
    private static bool IsSensitive(in Instruction instruction)
    {
        bool flags = ((instruction.RflagsRead | instruction.RflagsModified) & RflagsBits.IF) != 0;
        bool usesSelector = false;
        for (int operand = 0; operand < instruction.OpCount; operand++)
        {
            usesSelector |= instruction.GetOpKind(operand) == OpKind.Register
                && (instruction.GetOpRegister(operand) is var register && (register.IsSegmentRegister() || register.IsCR() || register.IsDR() || register.IsTR()));
        }

        return flags || UsesMonitorSegments(instruction) || usesSelector || instruction.IsPrivileged || instruction.Mnemonic
            is Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Cli or Mnemonic.Sti
            or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw or Mnemonic.Lmsw
            or Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw or Mnemonic.Arpl
            or Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss
            or Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd
            or Mnemonic.Rdtsc or Mnemonic.Rdtscp or Mnemonic.Rdpmc or Mnemonic.Rdmsr or Mnemonic.Wrmsr or Mnemonic.Cpuid
            or Mnemonic.Hlt or Mnemonic.Monitor or Mnemonic.Mwait or Mnemonic.Rsm or Mnemonic.Bound
            or Mnemonic.Vmread or Mnemonic.Vmwrite or Mnemonic.Vmptrld or Mnemonic.Vmptrst or Mnemonic.Vmclear or Mnemonic.Vmxon;
    }
}
