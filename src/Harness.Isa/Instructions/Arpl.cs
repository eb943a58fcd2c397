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
        return !raised || Operand.Write(ref port, in instruction, 0, (ushort)((destination & ~Selector.RplMask) | rpl));
    }
}
