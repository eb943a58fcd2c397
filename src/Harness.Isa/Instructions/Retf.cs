namespace Harness.Isa.Instructions;

/// <summary>RET far, with or without bytes to release.</summary>
[Encodings(Code.Retfw, Code.Retfd, Code.Retfw_imm16, Code.Retfd_imm16)]
[Instruction(Privilege.None)]
public readonly struct Retf : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool wide = instruction.Code is Code.Retfd or Code.Retfd_imm16;
        uint release = instruction.Code is Code.Retfd_imm16 or Code.Retfw_imm16 ? instruction.Immediate16 : 0u;
        return FarTransfer.Return(ref port, wide, release);
    }
}
