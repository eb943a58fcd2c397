namespace Harness.Isa.Instructions;

/// <summary>CLD.</summary>
[Encodings(Code.Cld)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Cld : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        port.NonStatusFlags &= ~Eflags.DF;
        return true;
    }
}
