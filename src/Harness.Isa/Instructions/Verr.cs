namespace Harness.Isa.Instructions;

/// <summary>VERR: ZF says whether the segment could be read.</summary>
[Encodings(Code.Verr_rm16, Code.Verr_r32m16)]
[Instruction(Privilege.None, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Verr : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (!Operand.Read(ref port, in instruction, 0, out ushort selector)
            || !DescriptorQuery.Find(ref port, selector, 0, out Descriptor descriptor, out bool found))
        {
            return false;
        }

        DescriptorQuery.SetZero(ref port, found && descriptor.IsReadable);
        return true;
    }
}
