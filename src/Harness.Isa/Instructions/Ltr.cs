namespace Harness.Isa.Instructions;

/// <summary>LTR.</summary>
[Encodings(Code.Ltr_rm16, Code.Ltr_r32m16)]
[Instruction(Privilege.Supervisor, ProtectedModeOnly = true)]
public readonly struct Ltr : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableLoad, 3))
        {
            return false;
        }

        return Operand.Read(ref port, in instruction, 0, out ushort selector) && SegmentLoad.LoadTaskRegister(ref port, selector);
    }
}
