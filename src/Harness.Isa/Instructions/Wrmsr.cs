namespace Harness.Isa.Instructions;

/// <summary>WRMSR.</summary>
[Encodings(Code.Wrmsr)]
[Instruction(Privilege.Supervisor)]
public readonly struct Wrmsr : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint number = port.Gpr(1);
        if (port.IsGuest && port.Intercepted(InterceptKind.Wrmsr, 0, number))
        {
            return false;
        }

        return port.WriteMsr(number, (ulong)port.Gpr(2) << 32 | port.Gpr(0)) || port.Fault(Vector.GP);
    }
}
