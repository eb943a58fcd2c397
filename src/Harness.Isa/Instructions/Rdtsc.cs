namespace Harness.Isa.Instructions;

/// <summary>RDTSC: #GP(0) outside CPL 0 with CR4.TSD.</summary>
[Encodings(Code.Rdtsc)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Rdtsc : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if ((port.System.Cr4 & Cr4.TSD) != 0 && port.Cpl > 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.Rdtsc))
        {
            return false;
        }

        ulong value = port.TimeStamp;
        port.Gpr(0) = (uint)value;
        port.Gpr(2) = (uint)(value >> 32);
        return true;
    }
}
