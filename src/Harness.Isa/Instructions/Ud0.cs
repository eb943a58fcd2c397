namespace Harness.Isa.Instructions;

/// <summary>UD0.</summary>
[Encodings(Code.Ud0, Code.Ud0_r16_rm16, Code.Ud0_r32_rm32)]
[Instruction(Privilege.None)]
public readonly struct Ud0 : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return port.Fault(Vector.UD);
    }
}
