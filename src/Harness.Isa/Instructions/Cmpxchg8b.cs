namespace Harness.Isa.Instructions;

/// <summary>CMPXCHG8B: the destination is written in either case.</summary>
[Encodings(Code.Cmpxchg8b_m64)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Cmpxchg8b : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        if (!port.Read(segment, address, out ulong destination))
        {
            return false;
        }

        bool equal = destination == ((ulong)port.Gpr(2) << 32 | port.Gpr(0));
        if (!port.Write(segment, address, equal ? (ulong)port.Gpr(1) << 32 | port.Gpr(3) : destination))
        {
            return false;
        }

        DescriptorQuery.SetZero(ref port, equal);
        if (!equal)
        {
            port.Gpr(0) = (uint)destination;
            port.Gpr(2) = (uint)(destination >> 32);
        }

        return true;
    }
}
