namespace Harness.Isa;

/// <summary>Operands of system instructions by their kind in the decoded instruction.</summary>
public static class Operand
{
    /// <summary>Number of a 16- or 32-bit general register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Number(Register register) => register >= Register.EAX ? register - Register.EAX : register - Register.AX;

    /// <summary>The segment register's name from Iced's.</summary>
    public static SegmentName Segment(Register register) => (SegmentName)(register - Register.ES);

    /// <summary>A general register, memory or immediate operand, of 16 or 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Read<T, TPort>(ref TPort port, in Instruction instruction, int operand, out T value)
        where T : unmanaged
        where TPort : struct, IPort
    {
        switch (instruction.GetOpKind(operand))
        {
            case OpKind.Register:
                value = Width.Truncate<T>(port.Gpr(Number(instruction.GetOpRegister(operand))));
                return true;
            case OpKind.Memory:
                uint offset = port.EffectiveAddress(in instruction, out SegmentName segment);
                return port.Read(segment, offset, out value);
            default:
                value = Width.Truncate<T>(instruction.GetImmediate(operand));
                return true;
        }
    }

    /// <summary>Writes a 16- or 32-bit general register, or memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<T, TPort>(ref TPort port, in Instruction instruction, int operand, T value)
        where T : unmanaged
        where TPort : struct, IPort
    {
        if (instruction.GetOpKind(operand) == OpKind.Register)
        {
            WriteRegister(ref port, instruction.GetOpRegister(operand), value);
            return true;
        }

        uint offset = port.EffectiveAddress(in instruction, out SegmentName segment);
        return port.Write(segment, offset, value);
    }

    /// <summary>Writes a general register; the upper half of one written by 16 bits stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteRegister<T, TPort>(ref TPort port, Register register, T value)
        where T : unmanaged
        where TPort : struct, IPort
    {
        ref uint cell = ref port.Gpr(Number(register));
        cell = Unsafe.SizeOf<T>() == 2 ? (cell & 0xFFFF0000) | (uint)Width.ZeroExtend(value) : (uint)Width.ZeroExtend(value);
    }

    /// <summary>
    /// SMSW, SLDT and STR: a register is written at the operand size, memory always by 16 bits (SDM Vol. 2, SMSW, SLDT, STR).
    /// </summary>
    public static bool WriteStatus<TPort>(ref TPort port, in Instruction instruction, uint value) where TPort : struct, IPort
    {
        if (instruction.Op0Kind == OpKind.Register && instruction.Op0Register >= Register.EAX)
        {
            WriteRegister(ref port, instruction.Op0Register, value);
            return true;
        }

        return Write(ref port, in instruction, 0, (ushort)value);
    }

    /// <summary>Reads selector:offset from memory, the offset first (SDM Vol. 2, JMP m16:16).</summary>
    public static bool ReadFarPointer<TPort>(ref TPort port, in Instruction instruction, bool wide, out ushort selector, out uint offset)
        where TPort : struct, IPort
    {
        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        selector = 0;
        if (wide)
        {
            if (!port.Read(segment, address, out offset))
            {
                return false;
            }
        }
        else
        {
            bool done = port.Read(segment, address, out ushort narrow);
            offset = narrow;
            if (!done)
            {
                return false;
            }
        }

        return port.Read(segment, (address + (wide ? 4u : 2u)) & AddressMask(in instruction), out selector);
    }

    /// <summary>The bits that count in the memory operand's offset: 16 or 32.</summary>
    public static uint AddressMask(in Instruction instruction)
    {
        Register register = instruction.MemoryBase != Register.None ? instruction.MemoryBase : instruction.MemoryIndex;
        bool narrow = register == Register.None ? instruction.MemoryDisplSize == 2 : register < Register.EAX;
        return narrow ? ushort.MaxValue : uint.MaxValue;
    }

    /// <summary>
    /// Target of a near branch. The displacement is applied to the port's EIP, so that it does not matter at which address the instruction was decoded.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint BranchTarget<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort =>
        instruction.Op0Kind == OpKind.NearBranch16
            ? (ushort)(port.Eip + instruction.NearBranch16 - instruction.NextIP16)
            : port.Eip + instruction.NearBranch32 - instruction.NextIP32;

    /// <summary>Sets EIP within the code segment; beyond its limit is #GP(0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Branch<TPort>(ref TPort port, uint target) where TPort : struct, IPort
    {
        if (target > port.Segment(SegmentName.CS).Limit)
        {
            return port.Fault(Vector.GP);
        }

        port.Eip = target;
        return true;
    }
}
