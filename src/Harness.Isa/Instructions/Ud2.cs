namespace Harness.Isa.Instructions;

/// <summary>UD2.</summary>
[Encodings(Code.Ud2)]
[Instruction(Privilege.None)]
public readonly struct Ud2 : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return port.Fault(Vector.UD);
    }
}
