namespace Harness.Isa.Instructions;

/// <summary>LDS: a far pointer into DS and a general register.</summary>
[Encodings(Code.Lds_r16_m1616, Code.Lds_r32_m1632)]
[Instruction(Privilege.None)]
public readonly struct Lds : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FarPointerLoad.Execute(ref port, in instruction, SegmentName.DS, instruction.Code == Code.Lds_r32_m1632);
    }
}
