namespace Harness.Isa.Instructions;

/// <summary>OUT.</summary>
[Encodings(Code.Out_imm8_AL, Code.Out_imm8_AX, Code.Out_imm8_EAX, Code.Out_DX_AL, Code.Out_DX_AX, Code.Out_DX_EAX)]
[Instruction(Privilege.Conditional)]
public readonly struct Out : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        int size = instruction.Op1Register switch
        {
            Register.AL => 1,
            Register.AX => 2,
            _ => 4,
        };
        bool immediate = instruction.Op0Kind == OpKind.Immediate8;
        ushort number = immediate ? instruction.Immediate8 : (ushort)port.Gpr(2);
        uint value = port.Gpr(0) & uint.MaxValue >> 32 - size * 8;
        if (!IoPermission.Check(ref port, number, size)
            || IoPermission.Intercepted(ref port, number, size, IoForm.Out | (immediate ? IoForm.Immediate : 0), value))
        {
            return false;
        }

        port.Out(number, size, value);
        return true;
    }
}
