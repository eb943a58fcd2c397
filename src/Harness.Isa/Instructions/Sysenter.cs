namespace Harness.Isa.Instructions;

/// <summary>SYSENTER: flat segments and CPL 0, from any mode but real-address mode.</summary>
[Encodings(Code.Sysenter)]
[Instruction(Privilege.None)]
public readonly struct Sysenter : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (Mode.IsReal(ref port) || (port.System.SysenterCs & 0xFFFC) == 0)
        {
            return port.Fault(Vector.GP);
        }

        port.NonStatusFlags &= ~(Eflags.VM | Eflags.IF | Eflags.RF);
        FastCall.LoadSegments(ref port, (ushort)(port.System.SysenterCs & 0xFFFC), 0);
        port.Gpr(4) = port.System.SysenterEsp;
        port.Eip = port.System.SysenterEip;
        return true;
    }
}
