namespace Harness.Isa.Instructions;

/// <summary>PAUSE.</summary>
[Encodings(Code.Pause)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Pause : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return !(port.IsGuest && port.Intercepted(InterceptKind.Pause));
    }
}
