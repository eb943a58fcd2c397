namespace Harness.Isa.Instructions;

/// <summary>MOV to and from the test registers of the 80386 and 80486, which no model has: #UD.</summary>
[Encodings(Code.Mov_r32_tr, Code.Mov_tr_r32)]
[Instruction(Privilege.Supervisor)]
public readonly struct MovTest : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return port.Fault(Vector.UD);
    }
}
