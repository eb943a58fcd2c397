namespace Harness.Isa.Instructions;

/// <summary>IRET with 16-bit operands.</summary>
[Encodings(Code.Iretw)]
[Instruction(Privilege.Conditional)]
public readonly struct Iret : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.Iret))
        {
            return false;
        }

        return InterruptReturn.Execute(ref port, false);
    }
}
