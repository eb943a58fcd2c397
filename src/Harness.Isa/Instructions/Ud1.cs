namespace Harness.Isa.Instructions;

/// <summary>UD1.</summary>
[Encodings(Code.Ud1_r16_rm16, Code.Ud1_r32_rm32)]
[Instruction(Privilege.None)]
public readonly struct Ud1 : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return port.Fault(Vector.UD);
    }
}
