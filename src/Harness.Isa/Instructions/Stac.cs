namespace Harness.Isa.Instructions;

/// <summary>STAC: sets EFLAGS.AC, which excuses the supervisor's accesses to user pages from prevention; #UD outside CPL 0 (SDM Vol. 2, STAC).</summary>
[Encodings(Code.Stac)]
[Instruction(Privilege.Conditional)]
public readonly struct Stac : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.Cpl > 0)
        {
            return port.Fault(Vector.UD);
        }

        port.NonStatusFlags = port.NonStatusFlags | Eflags.AC;
        return true;
    }
}
