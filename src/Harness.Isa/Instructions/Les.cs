namespace Harness.Isa.Instructions;

/// <summary>LES: a far pointer into ES and a general register.</summary>
[Encodings(Code.Les_r16_m1616, Code.Les_r32_m1632)]
[Instruction(Privilege.None)]
public readonly struct Les : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FarPointerLoad.Execute(ref port, in instruction, SegmentName.ES, instruction.Code == Code.Les_r32_m1632);
    }
}
