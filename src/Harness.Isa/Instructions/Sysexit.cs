namespace Harness.Isa.Instructions;

/// <summary>SYSEXIT: flat segments and CPL 3 at EDX, with the stack at ECX.</summary>
[Encodings(Code.Sysexitd)]
[Instruction(Privilege.Supervisor)]
public readonly struct Sysexit : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (Mode.IsReal(ref port) || (port.System.SysenterCs & 0xFFFC) == 0)
        {
            return port.Fault(Vector.GP);
        }

        FastCall.LoadSegments(ref port, (ushort)((port.System.SysenterCs & 0xFFFC) + 16), 3);
        port.Gpr(4) = port.Gpr(1);
        port.Eip = port.Gpr(2);
        return true;
    }
}
