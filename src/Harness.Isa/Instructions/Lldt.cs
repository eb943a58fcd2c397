namespace Harness.Isa.Instructions;

/// <summary>LLDT.</summary>
[Encodings(Code.Lldt_rm16, Code.Lldt_r32m16)]
[Instruction(Privilege.Supervisor, ProtectedModeOnly = true)]
public readonly struct Lldt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableLoad, 2))
        {
            return false;
        }

        return Operand.Read(ref port, in instruction, 0, out ushort selector)
            && SegmentLoad.LoadLdtr(ref port, selector, Vector.GP, Vector.NP, 0);
    }
}
