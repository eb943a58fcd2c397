namespace Harness.Isa.Instructions;

/// <summary>RSM: #UD, as always outside system-management mode.</summary>
[Encodings(Code.Rsm)]
[Instruction(Privilege.None)]
public readonly struct Rsm : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return !(port.IsGuest && port.Intercepted(InterceptKind.Rsm)) && port.Fault(Vector.UD);
    }
}
