namespace Harness.Isa.Instructions;

/// <summary>CPUID. With CPUID faulting enabled it is #GP(0) outside CPL 0 (SDM Vol. 3A, MISC_FEATURES_ENABLES).</summary>
[Encodings(Code.Cpuid)]
[Instruction(Privilege.Conditional)]
public readonly struct Cpuid : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.Has(Feature.CpuidFaulting) && port.Cpl > 0 && port.ReadMsr(Msr.MISC_FEATURES_ENABLES, out ulong enables) && (enables & 1) != 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.Cpuid))
        {
            return false;
        }

        (port.Gpr(0), port.Gpr(3), port.Gpr(1), port.Gpr(2)) = port.Cpuid(port.Gpr(0), port.Gpr(1));
        return true;
    }
}
