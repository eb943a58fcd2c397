namespace Harness.Isa.Instructions;

/// <summary>POPF with 32 bits; mode and privilege decide what it may change.</summary>
[Encodings(Code.Popfd)]
[Instruction(Privilege.Conditional)]
public readonly struct Popfd : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.PopFlags))
        {
            return false;
        }

        return Stack.Pop(ref port, out uint image) && FlagWrite.Pop(ref port, image, true);
    }
}
