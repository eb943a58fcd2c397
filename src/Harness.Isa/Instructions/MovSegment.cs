namespace Harness.Isa.Instructions;

/// <summary>MOV to and from a segment register. MOV SS holds back interrupts until the next instruction is done.</summary>
[Encodings(Code.Mov_rm16_Sreg, Code.Mov_r32m16_Sreg, Code.Mov_Sreg_rm16, Code.Mov_Sreg_r32m16)]
[Instruction(Privilege.None)]
public readonly struct MovSegment : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (instruction.Code is Code.Mov_rm16_Sreg or Code.Mov_r32m16_Sreg)
        {
            return Operand.WriteStatus(ref port, in instruction, port.Segment(Operand.Segment(instruction.Op1Register)).Selector);
        }

        SegmentName name = Operand.Segment(instruction.Op0Register);
        if (name == SegmentName.CS)
        {
            return port.Fault(Vector.UD);
        }

        if (!Operand.Read(ref port, in instruction, 1, out ushort selector) || !SegmentLoad.Load(ref port, name, selector))
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
