namespace Harness.Isa.Instructions;

/// <summary>POPA with 16-bit operands. The stack pointer in the frame is skipped.</summary>
[Encodings(Code.Popaw)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Popa : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        for (int number = 7; number >= 0; number--)
        {
            if (!Stack.Pop(ref port, out ushort value))
            {
                return false;
            }

            if (number != 4)
            {
                Operand.WriteRegister(ref port, Register.AX + number, value);
            }
        }

        return true;
    }
}
