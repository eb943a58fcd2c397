namespace Harness.Isa;

/// <summary>LDS, LES, LFS, LGS and LSS: a segment register and a general register from a far pointer in memory.</summary>
public static class FarPointerLoad
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction, SegmentName name, bool wide) where TPort : struct, IPort
    {
        if (!Operand.ReadFarPointer(ref port, in instruction, wide, out ushort selector, out uint offset)
            || !SegmentLoad.Load(ref port, name, selector))
        {
            return false;
        }

        if (wide)
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, offset);
        }
        else
        {
            Operand.WriteRegister(ref port, instruction.Op0Register, (ushort)offset);
        }

        return true;
    }
}
