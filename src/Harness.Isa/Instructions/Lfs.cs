namespace Harness.Isa.Instructions;

/// <summary>LFS: a far pointer into FS and a general register.</summary>
[Encodings(Code.Lfs_r16_m1616, Code.Lfs_r32_m1632)]
[Instruction(Privilege.None)]
public readonly struct Lfs : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FarPointerLoad.Execute(ref port, in instruction, SegmentName.FS, instruction.Code == Code.Lfs_r32_m1632);
    }
}
