namespace Harness.Isa.Instructions;

/// <summary>SLDT.</summary>
[Encodings(Code.Sldt_rm16, Code.Sldt_r32m16)]
[Instruction(Privilege.Conditional, ProtectedModeOnly = true, StaysInBlock = true)]
public readonly struct Sldt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if ((port.System.Cr4 & Cr4.UMIP) != 0 && port.Cpl > 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableStore, 2))
        {
            return false;
        }

        return Operand.WriteStatus(ref port, in instruction, port.Segment(SegmentName.LDTR).Selector);
    }
}
