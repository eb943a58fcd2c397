namespace Harness.Isa.Instructions;

/// <summary>ENTER: a stack frame for a procedure of some nesting level.</summary>
[Encodings(Code.Enterw_imm16_imm8, Code.Enterd_imm16_imm8)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Enter : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return instruction.Code == Code.Enterd_imm16_imm8
            ? Execute<uint, TPort>(ref port, in instruction)
            : Execute<ushort, TPort>(ref port, in instruction);
    }

    private static bool Execute<T, TPort>(ref TPort port, in Instruction instruction)
        where T : unmanaged
        where TPort : struct, IPort
    {
        uint size = (uint)Unsafe.SizeOf<T>();
        uint mask = Stack.Mask(ref port);
        uint link = port.Gpr(5);
        if (!Stack.Push(ref port, Width.Truncate<T>(link)))
        {
            return false;
        }

        T frame = Width.Truncate<T>(port.Gpr(4));
        int level = instruction.Immediate8_2nd & 0x1F;
        for (int index = 1; index < level; index++)
        {
            link -= size;
            if (!port.Read(SegmentName.SS, link & mask, out T display) || !Stack.Push(ref port, display))
            {
                return false;
            }
        }

        if (level > 0 && !Stack.Push(ref port, frame))
        {
            return false;
        }

        Stack.SetPointer(ref port, port.Gpr(4) - instruction.Immediate16);
        Operand.WriteRegister(ref port, size == 2 ? Register.BP : Register.EBP, frame);

        // The new top must be writable, though nothing is written there (SDM Vol. 2, ENTER, exceptions).
        return port.Probe(SegmentName.SS, port.Gpr(4) & mask, size, true);
    }
}
