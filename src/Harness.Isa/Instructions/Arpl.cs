namespace Harness.Isa.Instructions;

/// <summary>ARPL: raises the RPL of the destination to that of the source; ZF says whether.</summary>
[Encodings(Code.Arpl_rm16_r16, Code.Arpl_r32m16_r32)]
[Instruction(Privilege.None, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Arpl : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (!Operand.Read(ref port, in instruction, 0, out ushort destination))
        {
            return false;
        }

        int rpl = Selector.Rpl((ushort)port.Gpr(Operand.Number(instruction.Op1Register)));
        bool raised = Selector.Rpl(destination) < rpl;
        DescriptorQuery.SetZero(ref port, raised);
        return !raised || Write(ref port, in instruction, (ushort)((destination & ~Selector.RplMask) | rpl));
    }

    /// <summary>Only the low half of a register changes.</summary>
    private static bool Write<TPort>(ref TPort port, in Instruction instruction, ushort value) where TPort : struct, IPort
    {
        if (instruction.Op0Kind == OpKind.Memory)
        {
            return Operand.Write(ref port, in instruction, 0, value);
        }

        Operand.WriteRegister(ref port, instruction.Op0Register, value);
        return true;
    }
}
