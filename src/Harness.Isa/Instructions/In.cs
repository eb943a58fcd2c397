namespace Harness.Isa.Instructions;

/// <summary>IN.</summary>
[Encodings(Code.In_AL_imm8, Code.In_AX_imm8, Code.In_EAX_imm8, Code.In_AL_DX, Code.In_AX_DX, Code.In_EAX_DX)]
[Instruction(Privilege.Conditional)]
public readonly struct In : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        int size = instruction.Op0Register switch
        {
            Register.AL => 1,
            Register.AX => 2,
            _ => 4,
        };
        bool immediate = instruction.Op1Kind == OpKind.Immediate8;
        ushort number = immediate ? instruction.Immediate8 : (ushort)port.Gpr(2);
        if (!IoPermission.Check(ref port, number, size)
            || IoPermission.Intercepted(ref port, number, size, IoForm.In | (immediate ? IoForm.Immediate : 0), 0))
        {
            return false;
        }

        uint mask = uint.MaxValue >> 32 - size * 8;
        port.Gpr(0) = (port.Gpr(0) & ~mask) | (port.In(number, size) & mask);
        return true;
    }
}
