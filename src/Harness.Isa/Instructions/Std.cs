namespace Harness.Isa.Instructions;

/// <summary>STD.</summary>
[Encodings(Code.Std)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Std : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        port.NonStatusFlags |= Eflags.DF;
        return true;
    }
}
