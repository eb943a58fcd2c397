namespace Harness.Isa.Instructions;

/// <summary>CLAC: clears EFLAGS.AC, which excuses the supervisor's accesses to user pages from prevention; #UD outside CPL 0 (SDM Vol. 2, CLAC).</summary>
[Encodings(Code.Clac)]
[Instruction(Privilege.Conditional)]
public readonly struct Clac : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.Cpl > 0)
        {
            return port.Fault(Vector.UD);
        }

        port.NonStatusFlags = port.NonStatusFlags & ~Eflags.AC;
        return true;
    }
}
