namespace Harness.Isa.Instructions;

/// <summary>PUSH of a segment register.</summary>
[Encodings(
    Code.Pushw_ES, Code.Pushd_ES, Code.Pushw_CS, Code.Pushd_CS, Code.Pushw_SS, Code.Pushd_SS, Code.Pushw_DS, Code.Pushd_DS, Code.Pushw_FS,
    Code.Pushd_FS, Code.Pushw_GS, Code.Pushd_GS)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct PushSegment : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool wide = instruction.Code is Code.Pushd_ES or Code.Pushd_CS or Code.Pushd_SS or Code.Pushd_DS or Code.Pushd_FS or Code.Pushd_GS;
        return Stack.PushSelector(ref port, port.Segment(Operand.Segment(instruction.Op0Register)).Selector, wide);
    }
}
