using Iced.Intel;

namespace Harness.Engines;

/// <summary>What INVLPG names.</summary>
internal static class InvalidatedPage
{
    /// <summary>The linear address in the operand, computed from the guest's virtual registers before the instruction is emulated; null: it is another instruction.</summary>
    public static LinearAddress? Of(in Instruction instruction, Emulator emulator)
    {
        if (instruction.Mnemonic != Mnemonic.Invlpg)
        {
            return null;
        }

        bool found = instruction.TryGetVirtualAddress(0, 0, out ulong address, ValueOf);
        return found ? new LinearAddress((uint)address) : null;

        bool ValueOf(Register register, int element, int size, out ulong value)
        {
            value = register.IsSegmentRegister() ? emulator.Segment((SegmentName)(register - Register.ES)).Base
                : register.IsGPR16() ? (ushort)emulator.Gpr(register - Register.AX)
                : emulator.Gpr(register.GetFullRegister32() - Register.EAX);
            return true;
        }
    }
}
