namespace Harness.Isa.Instructions;

/// <summary>POP to a general register or memory. An address through ESP counts after the increment (SDM Vol. 2, POP).</summary>
[Encodings(Code.Pop_r16, Code.Pop_r32, Code.Pop_rm16, Code.Pop_rm32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Pop : ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (instruction.Code is Code.Pop_r32 or Code.Pop_rm32)
        {
            return Stack.Pop(ref port, out uint value) && Operand.Write(ref port, in instruction, 0, value);
        }

        return Stack.Pop(ref port, out ushort narrow) && Operand.Write(ref port, in instruction, 0, narrow);
    }
}
