namespace Harness.Isa.Instructions;

/// <summary>VERW: ZF says whether the segment could be written.</summary>
[Encodings(Code.Verw_rm16, Code.Verw_r32m16)]
[Instruction(Privilege.None, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Verw : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (!Operand.Read(ref port, in instruction, 0, out ushort selector)
            || !DescriptorQuery.Find(ref port, selector, 0, out Descriptor descriptor, out bool found))
        {
            return false;
        }

        DescriptorQuery.SetZero(ref port, found && descriptor.IsWritableData);
        return true;
    }
}
