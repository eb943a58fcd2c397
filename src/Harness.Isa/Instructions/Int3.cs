namespace Harness.Isa.Instructions;

/// <summary>INT3: a breakpoint, never subject to IOPL.</summary>
[Encodings(Code.Int3)]
[Instruction(Privilege.None)]
public readonly struct Int3 : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const byte Breakpoint = (byte)Vector.BP;
        if (port.IsGuest && port.Intercepted(InterceptKind.SoftwareInterrupt, 6, Breakpoint))
        {
            return false;
        }

        return EventDelivery.Deliver(ref port, Breakpoint, EventKind.SoftwareException, null, port.Eip);
    }
}
