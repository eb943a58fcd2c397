namespace Harness.Isa.Instructions;

/// <summary>LSS: a far pointer into SS and a general register.</summary>
[Encodings(Code.Lss_r16_m1616, Code.Lss_r32_m1632)]
[Instruction(Privilege.None)]
public readonly struct Lss : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FarPointerLoad.Execute(ref port, in instruction, SegmentName.SS, instruction.Code == Code.Lss_r32_m1632);
    }
}
