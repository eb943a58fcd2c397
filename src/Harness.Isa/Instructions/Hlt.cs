namespace Harness.Isa.Instructions;

/// <summary>HLT.</summary>
[Encodings(Code.Hlt)]
[Instruction(Privilege.Supervisor)]
public readonly struct Hlt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.Hlt))
        {
            return false;
        }

        port.Halt();
        return true;
    }
}
