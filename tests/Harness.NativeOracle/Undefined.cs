using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>The parts of a result that the manual leaves undefined, as masks of undefined bits.</summary>
public struct UndefinedParts
{
    /// <summary>Undefined flags.</summary>
    public uint Eflags;

    /// <summary>Undefined bits of general registers.</summary>
    public GeneralRegisters Gpr;

    /// <summary>Whether changes of memory are undefined.</summary>
    public bool Memory;

    /// <summary>Whether another fault may be the one that is reported: several apply, and the manual gives no order.</summary>
    public bool FaultOrder;

    /// <summary>Whether a fault of the upper half of a popped double word may be missing: Intel (family 6 model 207) reads only the selector, AMD all of it.</summary>
    public bool PopWidth;

    /// <summary>Offset from the new stack pointer of two bytes that the instruction may leave or clear, or -1.</summary>
    public int StackHole;
}

/// <summary>What is undefined, by instruction: Iced's table for the flags, and the rules that depend on values.</summary>
public static class Undefined
{
    private const uint Cf = 1;
    private const uint Pf = 1 << 2;
    private const uint Af = 1 << 4;
    private const uint Zf = 1 << 6;
    private const uint Sf = 1 << 7;
    private const uint Of = 1 << 11;
    private const uint Status = Cf | Pf | Af | Zf | Sf | Of;

    /// <summary>The undefined parts of a result.</summary>
    /// <param name="test">The case.</param>
    /// <param name="judged">What the oracle did.</param>
    public static UndefinedParts After(Case test, CaseResult judged)
    {
        Instruction instruction = CaseGenerator.Decode(test.Bitness, test.Code);
        if (judged.Fault is not null)
        {
            UndefinedParts after = AfterFault(instruction);
            after.PopWidth = IsUnalignedSegmentPop(test, instruction);
            return after;
        }

        var parts = new UndefinedParts { Eflags = Flags(instruction.RflagsUndefined), StackHole = -1 };
        switch (instruction.Mnemonic)
        {
            // SDM Vol. 2B, RCL/RCR/ROL/ROR: a masked count of 0 changes no flag; OF is defined for count 1 only.
            case Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr:
                parts.Eflags = Count(test, instruction) > 1 ? Of : 0;
                break;

            // SDM Vol. 2B, SAL/SAR/SHL/SHR: AF undefined for a count other than 0, OF for more than 1, CF of SHL and SHR for the operand size and more.
            case Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar:
                parts.Eflags = Shift(Count(test, instruction), OperandBits(instruction), instruction.Mnemonic != Mnemonic.Sar);
                break;

            // SDM Vol. 2B, SHLD and SHRD: as shifts; with a count above the operand size flags and destination are undefined.
            case Mnemonic.Shld or Mnemonic.Shrd:
                int count = Count(test, instruction);
                parts.Eflags = Shift(count, OperandBits(instruction), false);
                if (count > OperandBits(instruction))
                {
                    parts.Eflags = Status;
                    MarkDestination(ref parts, instruction);
                }

                break;

            // SDM Vol. 2A, BSF and BSR: with a source of 0, which ZF tells, the destination is undefined.
            case Mnemonic.Bsf or Mnemonic.Bsr when (judged.After.Eflags & Zf) != 0:
                MarkDestination(ref parts, instruction);
                break;

            // SDM Vol. 2A, BSWAP: undefined for a 16-bit register.
            case Mnemonic.Bswap when instruction.Code == Code.Bswap_r16:
                MarkDestination(ref parts, instruction);
                break;

            // SDM Vol. 2A, LAR: bits 19:16 of a 32-bit result are undefined.
            case Mnemonic.Lar when instruction.Op0Register.GetSize() == 4:
                parts.Gpr[instruction.Op0Register.GetNumber()] = 0x000F0000;
                break;

            // SDM Vol. 2B, PUSH: a segment register pushed as 32 bits may leave the upper half as it is; CALL pads the selector likewise.
            case Mnemonic.Push when instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsSegmentRegister() && instruction.StackPointerIncrement == -4:
                parts.StackHole = 2;
                break;
            case Mnemonic.Call when instruction.Code is Code.Call_m1632 or Code.Call_ptr1632:
                parts.StackHole = 6;
                break;

            case Mnemonic.Pop:
                parts.PopWidth = IsUnalignedSegmentPop(test, instruction);
                break;

            // SDM Vol. 2A, ENTER, Operation: the frame pointer is ESP after the push of EBP, which on a 16-bit stack keeps the upper half of ESP. Intel
            // (family 6 model 207) subtracts from all of ESP, so that a push that wraps around at 64 KiB borrows from the upper half; AMD follows the manual.
            case Mnemonic.Enter when instruction.Code == Code.Enterd_imm16_imm8 && !World.Find(test.Before.Segments[2])!.Value.Big && (ushort)test.Before.Gpr[4] < 4:
                parts.Gpr[5] = 0xFFFF0000;
                parts.Memory = true;
                break;
        }

        return parts;
    }

    /// <summary>
    /// A fault leaves the registers as they were (SDM Vol. 3A, 6.5), but processors differ in what an instruction of several steps has done before.
    /// </summary>
    private static UndefinedParts AfterFault(in Instruction instruction)
    {
        var parts = new UndefinedParts { StackHole = -1 };
        switch (instruction.Mnemonic)
        {
            // AMD keeps the registers that were popped before the fault; only the stack pointer is certain.
            case Mnemonic.Popa or Mnemonic.Popad:
                for (int i = 0; i < 8; i++)
                {
                    parts.Gpr[i] = i == 4 ? 0 : uint.MaxValue;
                }

                break;

            // What was pushed before the fault may lie below the unchanged stack pointer. SDM Vol. 2A, CALL, Operation, finds a near target beyond the
            // limit before it looks at the stack; AMD pushes first.
            case Mnemonic.Pusha or Mnemonic.Pushad or Mnemonic.Enter or Mnemonic.Call:
                parts.Memory = true;
                parts.FaultOrder = instruction.Mnemonic == Mnemonic.Call;
                break;

            // SDM Vol. 2A, BOUND: whether the upper bound is read once the lower one is violated is nowhere said; Intel does not.
            case Mnemonic.Bound:
                parts.FaultOrder = true;
                break;

            // AMD pops the words in another order than SDM Vol. 2B, RET and IRET, shows it, and so meets another page fault or #GP first.
            case Mnemonic.Retf or Mnemonic.Iret or Mnemonic.Iretd:
                parts.FaultOrder = true;
                break;

            // SDM Vol. 2B, REP: flags are restored when CMPS or SCAS faults; AMD keeps those of the last completed iteration.
            // Which operand of CMPS is read first is nowhere said.
            case Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd:
                parts.Eflags = Status;
                parts.FaultOrder = instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd;
                break;
        }

        return parts;
    }

    private static bool IsUnalignedSegmentPop(Case test, in Instruction instruction) => instruction.Mnemonic == Mnemonic.Pop
        && instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsSegmentRegister() && instruction.StackPointerIncrement == 4 && (test.Before.Gpr[4] & 3) != 0;

    private static uint Shift(int count, int bits, bool carry) => count == 0
        ? 0
        : Af | (count > 1 ? Of : 0) | (carry && count >= bits ? Cf : 0);

    private static int Count(Case test, in Instruction instruction)
    {
        int last = instruction.OpCount - 1;
        uint count = instruction.GetOpKind(last) == OpKind.Register ? test.Before.Gpr[1] : (uint)instruction.GetImmediate(last);
        return (int)(count & 31);
    }

    private static int OperandBits(in Instruction instruction)
    {
        return 8 * (instruction.Op0Kind == OpKind.Register ? instruction.Op0Register.GetSize() : instruction.MemorySize.GetSize());
    }

    private static void MarkDestination(ref UndefinedParts parts, in Instruction instruction)
    {
        if (instruction.Op0Kind == OpKind.Register)
        {
            parts.Gpr[instruction.Op0Register.GetNumber()] = instruction.Op0Register.GetSize() == 2 ? 0xFFFF : uint.MaxValue;
        }
        else
        {
            parts.Memory = true;
        }
    }

    private static uint Flags(RflagsBits bits)
    {
        return ((bits & RflagsBits.CF) != 0 ? Cf : 0) | ((bits & RflagsBits.PF) != 0 ? Pf : 0) | ((bits & RflagsBits.AF) != 0 ? Af : 0)
            | ((bits & RflagsBits.ZF) != 0 ? Zf : 0) | ((bits & RflagsBits.SF) != 0 ? Sf : 0) | ((bits & RflagsBits.OF) != 0 ? Of : 0);
    }
}
