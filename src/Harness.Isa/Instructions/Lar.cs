namespace Harness.Isa.Instructions;

/// <summary>LAR: access rights of a descriptor that the program may see; ZF says whether.</summary>
[Encodings(Code.Lar_r16_rm16, Code.Lar_r32_r32m16)]
[Instruction(Privilege.None, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Lar : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (!Operand.Read(ref port, in instruction, 1, out ushort selector)
            || !DescriptorQuery.Find(ref port, selector, DescriptorQuery.LarTypes, out Descriptor descriptor, out bool found))
        {
            return false;
        }

        DescriptorQuery.SetZero(ref port, found);
        if (!found)
        {
            return true;
        }

        uint rights = descriptor.High & 0x00FFFF00;
        if (instruction.Code == Code.Lar_r16_rm16)
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, (ushort)rights);
        }
        else
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, rights);
        }

        return true;
    }
}
