namespace Harness.Isa.Instructions;

/// <summary>RDMSR.</summary>
[Encodings(Code.Rdmsr)]
[Instruction(Privilege.Supervisor, StaysInBlock = true)]
public readonly struct Rdmsr : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint number = port.Gpr(1);
        if (port.IsGuest && port.Intercepted(InterceptKind.Rdmsr, 0, number))
        {
            return false;
        }

        if (!port.ReadMsr(number, out ulong value))
        {
            return port.Fault(Vector.GP);
        }

        port.Gpr(0) = (uint)value;
        port.Gpr(2) = (uint)(value >> 32);
        return true;
    }
}
