namespace Harness.Isa.Instructions;

/// <summary>INT n.</summary>
[Encodings(Code.Int_imm8)]
[Instruction(Privilege.Conditional)]
public readonly struct Int : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        byte vector = instruction.Immediate8;
        if (port.IsGuest && port.Intercepted(InterceptKind.SoftwareInterrupt, 4, vector))
        {
            return false;
        }

        return EventDelivery.SoftwareInterrupt(ref port, vector);
    }
}
