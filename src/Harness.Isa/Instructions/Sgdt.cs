namespace Harness.Isa.Instructions;

/// <summary>SGDT: limit, then the whole base at either operand size.</summary>
[Encodings(Code.Sgdt_m1632_16, Code.Sgdt_m1632)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Sgdt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if ((port.System.Cr4 & Cr4.UMIP) != 0 && port.Cpl > 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableStore, 0))
        {
            return false;
        }

        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        DescriptorTableRegister table = port.Gdtr;
        return port.Write(segment, address, table.Limit) && port.Write(segment, (address + 2) & Operand.AddressMask(in instruction), table.Base);
    }
}
