namespace Harness.Isa.Instructions;

/// <summary>WBINVD: caches are not modelled.</summary>
[Encodings(Code.Wbinvd)]
[Instruction(Privilege.Supervisor, StaysInBlock = true)]
public readonly struct Wbinvd : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return !(port.IsGuest && port.Intercepted(InterceptKind.Wbinvd));
    }
}
