namespace Harness.Isa.Instructions;

/// <summary>INT1: vector 1 without the privilege check of the gate; DR6 stays.</summary>
[Encodings(Code.Int1)]
[Instruction(Privilege.None)]
public readonly struct Int1 : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const byte Debug = (byte)Vector.DB;
        if (port.IsGuest && port.Intercepted(InterceptKind.SoftwareInterrupt, 5, Debug))
        {
            return false;
        }

        return EventDelivery.Deliver(ref port, Debug, EventKind.PrivilegedSoftwareException, null, port.Eip);
    }
}
