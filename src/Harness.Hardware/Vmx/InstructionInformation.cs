namespace Harness.Hardware.Vmx;

/// <summary>The VM-exit instruction-information field of VMX instructions (SDM Vol. 3C, Tables 27-13 and 27-14).</summary>
public static class InstructionInformation
{
    private const uint Address32 = 1 << 7;
    private const uint RegisterOperand = 1 << 10;
    private const uint NoIndex = 1 << 22;
    private const uint NoBase = 1 << 27;

    /// <summary>0 for instructions without operands.</summary>
    public static uint Of(in Instruction instruction)
    {
        if (instruction.OpCount == 0)
        {
            return 0;
        }

        if (instruction.Mnemonic is not (Mnemonic.Vmread or Mnemonic.Vmwrite))
        {
            return OfMemory(in instruction);
        }

        int encoding = instruction.Mnemonic == Mnemonic.Vmread ? 1 : 0;
        uint second = (uint)Operand.Number(instruction.GetOpRegister(encoding)) << 28;
        return instruction.GetOpKind(1 - encoding) == OpKind.Register
            ? second | RegisterOperand | (uint)Operand.Number(instruction.GetOpRegister(1 - encoding)) << 3
            : second | OfMemory(in instruction);
    }

    /// <summary>The exit qualification of VMX instructions: the displacement, sign-extended, or 0.</summary>
    public static uint Displacement(in Instruction instruction)
    {
        bool memory = instruction.Op0Kind == OpKind.Memory || instruction.Op1Kind == OpKind.Memory;
        return !memory ? 0 : IsWide(in instruction) ? instruction.MemoryDisplacement32 : (uint)(short)instruction.MemoryDisplacement32;
    }

    private static uint OfMemory(in Instruction instruction)
    {
        uint index = instruction.MemoryIndex == Register.None ? NoIndex : (uint)Operand.Number(instruction.MemoryIndex) << 18;
        uint @base = instruction.MemoryBase == Register.None ? NoBase : (uint)Operand.Number(instruction.MemoryBase) << 23;
        uint scaling = (uint)System.Numerics.BitOperations.Log2((uint)instruction.MemoryIndexScale);
        return scaling | (IsWide(in instruction) ? Address32 : 0) | (uint)Operand.Segment(instruction.MemorySegment) << 15 | index | @base;
    }

    private static bool IsWide(in Instruction instruction) => Operand.AddressMask(in instruction) == uint.MaxValue;
}
