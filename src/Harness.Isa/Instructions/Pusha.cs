namespace Harness.Isa.Instructions;

/// <summary>PUSHA with 16-bit operands. The old stack pointer is pushed.</summary>
[Encodings(Code.Pushaw)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Pusha : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint stack = port.Gpr(4);
        for (int number = 0; number < 8; number++)
        {
            if (!Stack.Push(ref port, (ushort)(number == 4 ? stack : port.Gpr(number))))
            {
                return false;
            }
        }

        return true;
    }
}
