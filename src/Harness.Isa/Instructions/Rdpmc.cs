namespace Harness.Isa.Instructions;

/// <summary>RDPMC: #GP(0) outside CPL 0 unless CR4.PCE, or if the counter IA32_PMC0 + ECX does not exist.</summary>
[Encodings(Code.Rdpmc)]
[Instruction(Privilege.Conditional)]
public readonly struct Rdpmc : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const uint FirstCounter = 0xC1;

        // The P6 family and its successors up to Core have two (SDM Vol. 2B, RDPMC).
        const uint Counters = 2;
        if ((port.System.Cr4 & Cr4.PCE) == 0 && port.Cpl > 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.Rdpmc))
        {
            return false;
        }

        uint counter = port.Gpr(1);
        if (counter >= Counters || !port.ReadMsr(FirstCounter + counter, out ulong value))
        {
            return port.Fault(Vector.GP);
        }

        port.Gpr(0) = (uint)value;
        port.Gpr(2) = (uint)(value >> 32);
        return true;
    }
}
