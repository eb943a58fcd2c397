namespace Harness.Isa.Instructions;

/// <summary>PAUSE: time goes by. It ends its block, so that what becomes due meanwhile is seen right after it.</summary>
[Encodings(Code.Pause)]
[Instruction(Privilege.None)]
public readonly struct Pause : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.Pause))
        {
            return false;
        }

        port.Pause();
        return true;
    }
}
