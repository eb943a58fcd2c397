namespace Harness.Isa.Instructions;

/// <summary>POPF with 16 bits; mode and privilege decide what it may change.</summary>
[Encodings(Code.Popfw)]
[Instruction(Privilege.Conditional)]
public readonly struct Popf : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.PopFlags))
        {
            return false;
        }

        return Stack.Pop(ref port, out ushort image) && FlagWrite.Pop(ref port, image, false);
    }
}
