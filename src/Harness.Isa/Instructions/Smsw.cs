namespace Harness.Isa.Instructions;

/// <summary>SMSW: all of CR0 to a 32-bit register, its low half elsewhere.</summary>
[Encodings(Code.Smsw_rm16, Code.Smsw_r32m16)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Smsw : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if ((port.System.Cr4 & Cr4.UMIP) != 0 && port.Cpl > 0)
        {
            return port.Fault(Vector.GP);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.Smsw))
        {
            return false;
        }

        return Operand.WriteStatus(ref port, in instruction, port.ReadControl(0));
    }
}
