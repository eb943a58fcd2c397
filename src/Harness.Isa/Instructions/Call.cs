namespace Harness.Isa.Instructions;

/// <summary>CALL, near and far.</summary>
[Encodings(
    Code.Call_rel16, Code.Call_rel32_32, Code.Call_rm16, Code.Call_rm32, Code.Call_ptr1616, Code.Call_ptr1632, Code.Call_m1616,
    Code.Call_m1632)]
[Instruction(Privilege.None)]
public readonly struct Call : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        switch (instruction.Code)
        {
            case Code.Call_rel32_32:
                uint target = Operand.BranchTarget(ref port, in instruction);
                return Stack.Push(ref port, port.Eip) && Operand.Branch(ref port, target);
            case Code.Call_rel16:
                target = Operand.BranchTarget(ref port, in instruction);
                return Stack.Push(ref port, (ushort)port.Eip) && Operand.Branch(ref port, target);
            case Code.Call_rm32:
                return Operand.Read(ref port, in instruction, 0, out target) && Stack.Push(ref port, port.Eip) && Operand.Branch(ref port, target);
            case Code.Call_rm16:
                return Operand.Read(ref port, in instruction, 0, out ushort narrow)
                    && Stack.Push(ref port, (ushort)port.Eip)
                    && Operand.Branch(ref port, narrow);
            default:
                return CallFar(ref port, in instruction);
        }
    }

    private static bool CallFar<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        switch (instruction.Code)
        {
            case Code.Call_ptr1616:
                return FarTransfer.Call(ref port, instruction.FarBranchSelector, instruction.FarBranch16, false);
            case Code.Call_ptr1632:
                return FarTransfer.Call(ref port, instruction.FarBranchSelector, instruction.FarBranch32, true);
            default:
                bool wide = instruction.Code == Code.Call_m1632;
                return Operand.ReadFarPointer(ref port, in instruction, wide, out ushort selector, out uint offset)
                    && FarTransfer.Call(ref port, selector, offset, wide);
        }
    }
}
