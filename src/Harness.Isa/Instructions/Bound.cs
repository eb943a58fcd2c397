namespace Harness.Isa.Instructions;

/// <summary>BOUND: #BR unless the index lies within both bounds, signed.</summary>
[Encodings(Code.Bound_r16_m1616, Code.Bound_r32_m3232)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Bound : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        uint mask = Operand.AddressMask(in instruction);
        uint index = port.Gpr(Operand.Number(instruction.Op0Register));
        int value, lower, upper;
        if (instruction.Code == Code.Bound_r32_m3232)
        {
            if (!port.Read(segment, address, out lower) || !port.Read(segment, (address + 4) & mask, out upper))
            {
                return false;
            }

            value = (int)index;
        }
        else
        {
            if (!port.Read(segment, address, out short first) || !port.Read(segment, (address + 2) & mask, out short second))
            {
                return false;
            }

            (value, lower, upper) = ((short)index, first, second);
        }

        return (value >= lower && value <= upper) || port.Fault(Vector.BR);
    }
}
