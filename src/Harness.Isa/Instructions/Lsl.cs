namespace Harness.Isa.Instructions;

/// <summary>LSL: limit in bytes of a descriptor that the program may see; ZF says whether.</summary>
[Encodings(Code.Lsl_r16_rm16, Code.Lsl_r32_r32m16)]
[Instruction(Privilege.None, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Lsl : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (!Operand.Read(ref port, in instruction, 1, out ushort selector)
            || !DescriptorQuery.Find(ref port, selector, DescriptorQuery.LslTypes, out Descriptor descriptor, out bool found))
        {
            return false;
        }

        DescriptorQuery.SetZero(ref port, found);
        if (!found)
        {
            return true;
        }

        if (instruction.Code == Code.Lsl_r16_rm16)
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, (ushort)descriptor.Limit);
        }
        else
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, descriptor.Limit);
        }

        return true;
    }
}
