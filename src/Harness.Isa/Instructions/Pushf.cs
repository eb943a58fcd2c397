namespace Harness.Isa.Instructions;

/// <summary>PUSHF. In virtual-8086 mode below IOPL 3 it is #GP(0), or shows VIF as IF with CR4.VME (SDM Vol. 3B, 20.3.3.4).</summary>
[Encodings(Code.Pushfw)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Pushf : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.PushFlags))
        {
            return false;
        }

        uint flags = port.Flags;
        if (Mode.IsVirtual8086(ref port) && Mode.Iopl(ref port) < 3)
        {
            if ((port.System.Cr4 & Cr4.VME) == 0)
            {
                return port.Fault(Vector.GP);
            }

            flags = (flags & ~Eflags.IF) | Eflags.IOPL | ((flags & Eflags.VIF) != 0 ? Eflags.IF : 0);
        }

        return Stack.Push(ref port, (ushort)flags);
    }
}
