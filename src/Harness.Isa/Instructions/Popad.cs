namespace Harness.Isa.Instructions;

/// <summary>POPA with 32-bit operands. The stack pointer in the frame is skipped.</summary>
[Encodings(Code.Popad)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Popad : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        for (int number = 7; number >= 0; number--)
        {
            if (!Stack.Pop(ref port, out uint value))
            {
                return false;
            }

            if (number != 4)
            {
                Operand.WriteRegister(ref port, Register.EAX + number, value);
            }
        }

        return true;
    }
}
