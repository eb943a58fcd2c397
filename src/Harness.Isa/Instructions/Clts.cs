namespace Harness.Isa.Instructions;

/// <summary>CLTS.</summary>
[Encodings(Code.Clts)]
[Instruction(Privilege.Supervisor)]
public readonly struct Clts : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.Clts))
        {
            return false;
        }

        return ControlWrite.SetCr0(ref port, port.System.Cr0 & ~Cr0.TS);
    }
}
