namespace Harness.Isa.Instructions;

/// <summary>JMP, near and far.</summary>
[Encodings(
    Code.Jmp_rel16, Code.Jmp_rel32_32, Code.Jmp_rel8_16, Code.Jmp_rel8_32, Code.Jmp_rm16, Code.Jmp_rm32, Code.Jmp_ptr1616, Code.Jmp_ptr1632,
    Code.Jmp_m1616, Code.Jmp_m1632)]
[Instruction(Privilege.None)]
public readonly struct Jmp : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        switch (instruction.Code)
        {
            case Code.Jmp_rel8_32 or Code.Jmp_rel32_32 or Code.Jmp_rel8_16 or Code.Jmp_rel16:
                return Operand.Branch(ref port, Operand.BranchTarget(ref port, in instruction));
            case Code.Jmp_rm32:
                return Operand.Read(ref port, in instruction, 0, out uint target) && Operand.Branch(ref port, target);
            case Code.Jmp_rm16:
                return Operand.Read(ref port, in instruction, 0, out ushort narrow) && Operand.Branch(ref port, narrow);
            case Code.Jmp_ptr1616:
                return FarTransfer.Jump(ref port, instruction.FarBranchSelector, instruction.FarBranch16, false);
            case Code.Jmp_ptr1632:
                return FarTransfer.Jump(ref port, instruction.FarBranchSelector, instruction.FarBranch32, true);
            default:
                bool wide = instruction.Code == Code.Jmp_m1632;
                return Operand.ReadFarPointer(ref port, in instruction, wide, out ushort selector, out uint offset)
                    && FarTransfer.Jump(ref port, selector, offset, wide);
        }
    }
}
