namespace Harness.Isa.Instructions;

/// <summary>PUSHFD: VM and RF read as zero.</summary>
[Encodings(Code.Pushfd)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Pushfd : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.PushFlags))
        {
            return false;
        }

        if (Mode.IsVirtual8086(ref port) && Mode.Iopl(ref port) < 3)
        {
            return port.Fault(Vector.GP);
        }

        return Stack.Push(ref port, port.Flags & ~(Eflags.VM | Eflags.RF));
    }
}
