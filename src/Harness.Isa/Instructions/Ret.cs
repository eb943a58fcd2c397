namespace Harness.Isa.Instructions;

/// <summary>RET near, with or without bytes to release.</summary>
[Encodings(Code.Retnw, Code.Retnd, Code.Retnw_imm16, Code.Retnd_imm16)]
[Instruction(Privilege.None)]
public readonly struct Ret : ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint target;
        if (instruction.Code is Code.Retnd or Code.Retnd_imm16)
        {
            if (!Stack.Pop(ref port, out target))
            {
                return false;
            }
        }
        else
        {
            if (!Stack.Pop(ref port, out ushort narrow))
            {
                return false;
            }

            target = narrow;
        }

        if (instruction.Code is Code.Retnd_imm16 or Code.Retnw_imm16)
        {
            Stack.Release(ref port, instruction.Immediate16);
        }

        return Operand.Branch(ref port, target);
    }
}
