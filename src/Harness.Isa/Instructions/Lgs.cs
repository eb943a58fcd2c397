namespace Harness.Isa.Instructions;

/// <summary>LGS: a far pointer into GS and a general register.</summary>
[Encodings(Code.Lgs_r16_m1616, Code.Lgs_r32_m1632)]
[Instruction(Privilege.None)]
public readonly struct Lgs : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FarPointerLoad.Execute(ref port, in instruction, SegmentName.GS, instruction.Code == Code.Lgs_r32_m1632);
    }
}
