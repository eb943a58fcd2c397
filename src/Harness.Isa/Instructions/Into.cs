namespace Harness.Isa.Instructions;

/// <summary>INTO: vector 4 if OF is set.</summary>
[Encodings(Code.Into)]
[Instruction(Privilege.None)]
public readonly struct Into : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const byte Overflow = (byte)Vector.OF;
        if ((port.StatusFlags.Status & Eflags.OF) == 0)
        {
            return true;
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.SoftwareInterrupt, 6, Overflow))
        {
            return false;
        }

        return EventDelivery.Deliver(ref port, Overflow, EventKind.SoftwareException, null, port.Eip);
    }
}
