namespace Harness.Isa.Instructions;

/// <summary>POP of a segment register. POP SS holds back interrupts until the next instruction is done.</summary>
[Encodings(
    Code.Popw_ES, Code.Popd_ES, Code.Popw_SS, Code.Popd_SS, Code.Popw_DS, Code.Popd_DS, Code.Popw_FS, Code.Popd_FS, Code.Popw_GS, Code.Popd_GS)]
[Instruction(Privilege.None)]
public readonly struct PopSegment : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool wide = instruction.Code is Code.Popd_ES or Code.Popd_SS or Code.Popd_DS or Code.Popd_FS or Code.Popd_GS;
        SegmentName name = Operand.Segment(instruction.Op0Register);
        if (!Stack.Pop(ref port, wide, out uint selector) || !SegmentLoad.Load(ref port, name, (ushort)selector))
        {
            return false;
        }

        if (name == SegmentName.SS)
        {
            port.InhibitInterrupts(true);
        }

        return true;
    }
}
