using System.Buffers.Binary;
using Harness.Machine;
using Iced.Intel;

namespace Harness.Fuzz;

/// <summary>Writes random instructions of a processor model: every encoding that it has, with operands that are often meaningful.</summary>
internal sealed class InstructionGenerator
{
    private const int LongestInstruction = 15;
    private static readonly byte[] Prefixes = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3];

    /// <summary>By mnemonic, so that the many forms of the coprocessor or of ADD do not crowd out the rest.</summary>
    private readonly OpCodeInfo[][] _mnemonics;

    public InstructionGenerator(ProcessorModel model)
    {
        var byMnemonic = new SortedDictionary<int, List<OpCodeInfo>>();
        foreach (Code code in Enum.GetValues<Code>())
        {
            OpCodeInfo info = code.ToOpCode();
            if (!info.IsInstruction || info.Encoding != EncodingKind.Legacy || !(info.Mode16 || info.Mode32) || !model.Has(code)
                || info.Table is not (OpCodeTableKind.Normal or OpCodeTableKind.T0F))
            {
                continue;
            }

            bool coprocessor = info.Table == OpCodeTableKind.Normal && info.OpCode >> (8 * (info.OpCodeLength - 1)) is >= 0xD8 and <= 0xDF;
            int key = coprocessor ? (int)Mnemonic.Fnop : (int)code.Mnemonic();
            if (!byMnemonic.TryGetValue(key, out List<OpCodeInfo>? forms))
            {
                byMnemonic[key] = forms = [];
            }

            forms.Add(info);
        }

        _mnemonics = [.. byMnemonic.Values.Select(f => f.ToArray())];
    }

    /// <summary>Appends one instruction for code of 16 or 32 bits and returns its length.</summary>
    public int Write(Chance chance, bool big, Span<byte> code)
    {
        int kind = chance.Below(100);
        if (kind < 3)
        {
            int count = 1 + chance.Below(LongestInstruction);
            for (int i = 0; i < count; i++)
            {
                code[i] = (byte)chance.Next();
            }

            return count;
        }

        int length = 0;
        if (kind < 5)
        {
            for (int i = chance.Below(LongestInstruction); i > 0; i--)
            {
                code[length++] = chance.Of<byte>(Prefixes);
            }
        }

        OpCodeInfo[] forms = _mnemonics[chance.Below(_mnemonics.Length)];
        return length + Encode(chance, forms[chance.Below(forms.Length)], big, code[length..]);
    }

    private static int Encode(Chance chance, OpCodeInfo info, bool big, Span<byte> code)
    {
        int length = 0;
        int bits = big ? 32 : 16;
        bool repeat = (info.CanUseRepPrefix || info.CanUseRepnePrefix) && chance.Percent(50);
        if (repeat)
        {
            code[length++] = chance.Percent(60) ? (byte)0xF3 : (byte)0xF2;
        }
        else if (chance.Percent(info.CanUseLockPrefix ? 12 : 1))
        {
            code[length++] = 0xF0;
        }

        if (info.OperandSize != 0 && info.OperandSize != bits)
        {
            code[length++] = 0x66;
        }

        int addressBits = bits;
        if (info.AddressSize != 0 ? info.AddressSize != bits : chance.Percent(12))
        {
            code[length++] = 0x67;
            addressBits = 48 - bits;
        }

        if (chance.Percent(8))
        {
            code[length++] = Prefixes[chance.Below(6)];
        }

        if (info.MandatoryPrefix == MandatoryPrefix.PF3)
        {
            code[length++] = 0xF3;
        }

        if (info.Table == OpCodeTableKind.T0F)
        {
            code[length++] = 0x0F;
        }

        return length + EncodeOpcode(chance, info, addressBits, code[length..]);
    }

    private static int EncodeOpcode(Chance chance, OpCodeInfo info, int addressBits, Span<byte> code)
    {
        int length = 0;
        uint opcode = info.OpCode;
        int field = info.IsGroup ? info.GroupIndex : chance.Below(8);
        bool hasModRm = info.IsGroup;
        bool memory = false;
        bool register = false;
        for (int i = 0; i < info.OpCount; i++)
        {
            switch (info.GetOpKind(i))
            {
                case OpCodeOperandKind.mem:
                    hasModRm = memory = true;
                    break;
                case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem:
                    hasModRm = true;
                    memory = chance.Percent(60);
                    register = !memory;
                    break;
                case OpCodeOperandKind.r16_rm or OpCodeOperandKind.r32_rm:
                    hasModRm = register = true;
                    break;
                case OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r32_reg:
                    hasModRm = true;
                    break;
                case OpCodeOperandKind.seg_reg:
                    hasModRm = true;
                    field = chance.Percent(96) ? chance.Below(6) : chance.Below(8);
                    break;
                case OpCodeOperandKind.cr_reg:
                    hasModRm = true;
                    field = chance.Percent(96) ? chance.Of<int>([0, 2, 3, 4]) : chance.Below(8);
                    break;
                case OpCodeOperandKind.dr_reg:
                    hasModRm = true;
                    break;
                case OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.sti_opcode:
                    opcode += (uint)chance.Below(8);
                    break;
                default:
                    break;
            }
        }

        if (info.OpCodeLength == 2)
        {
            code[length++] = (byte)(opcode >> 8);
        }

        code[length++] = (byte)opcode;
        if (hasModRm)
        {
            int rm = info.IsRmGroup ? info.RmGroupIndex : chance.Below(8);
            length += memory || !(register || info.IsRmGroup)
                ? EncodeMemory(chance, field, addressBits, code[length..])
                : EncodeRegister(field, rm, code[length..]);
        }

        for (int i = 0; i < info.OpCount; i++)
        {
            length += EncodeImmediate(chance, info, info.GetOpKind(i), addressBits, code[length..]);
        }

        return length;
    }

    private static int EncodeRegister(int field, int rm, Span<byte> code)
    {
        code[0] = (byte)(0xC0 | field << 3 | rm);
        return 1;
    }

    private static int EncodeMemory(Chance chance, int field, int addressBits, Span<byte> code)
    {
        int mod = chance.Below(3);
        int rm = chance.Below(8);
        int length = 0;
        code[length++] = (byte)(mod << 6 | field << 3 | rm);
        if (addressBits == 16)
        {
            return length + Displacement(chance, mod == 0 && rm == 6 ? 2 : mod, code[length..]);
        }

        bool direct = mod == 0 && rm == 5;
        if (rm == 4)
        {
            // Mostly no index: the sum of two pointers points nowhere.
            int @base = chance.Below(8);
            int index = chance.Percent(70) ? 4 : chance.Below(8);
            code[length++] = (byte)(chance.Below(4) << 6 | index << 3 | @base);
            direct = mod == 0 && @base == 5;
        }

        return length + Displacement(chance, direct || mod == 2 ? 4 : mod, code[length..]);
    }

    private static int Displacement(Chance chance, int bytes, Span<byte> code)
    {
        uint value = chance.Below(10) switch
        {
            < 6 => (uint)chance.Below(64),
            < 9 => (uint)chance.Below(Layout.RamBytes),
            _ => chance.Next(),
        };
        return Append(code, value, bytes);
    }

    private static int EncodeImmediate(Chance chance, OpCodeInfo info, OpCodeOperandKind kind, int addressBits, Span<byte> code)
    {
        switch (kind)
        {
            case OpCodeOperandKind.imm8 when info.Mnemonic == Mnemonic.Int:
                return Append(code, (uint)chance.Below(chance.Percent(90) ? Layout.IdtEntries : 256), 1);
            case OpCodeOperandKind.imm8:
                return Append(code, chance.Percent(60) ? (uint)chance.Below(34) : chance.Next(), 1);
            case OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32:
                return Append(code, chance.Next(), 1);
            case OpCodeOperandKind.br16_1 or OpCodeOperandKind.br32_1:
                return Append(code, chance.Percent(80) ? (uint)chance.Below(24) : chance.Next(), 1);
            case OpCodeOperandKind.imm16:
                return Append(code, GuestGenerator.Value(chance), 2);
            case OpCodeOperandKind.imm32:
                return Append(code, GuestGenerator.Value(chance), 4);
            case OpCodeOperandKind.br16_2 or OpCodeOperandKind.br32_4:
                return Append(code, chance.Percent(85) ? (uint)(chance.Below(96) - 32) : chance.Next(), kind == OpCodeOperandKind.br16_2 ? 2 : 4);
            case OpCodeOperandKind.farbr2_2 or OpCodeOperandKind.farbr4_2:
                int length = Append(code, GuestGenerator.CodeOffset(chance), kind == OpCodeOperandKind.farbr2_2 ? 2 : 4);
                return length + Append(code[length..], GuestGenerator.SelectorValue(chance), 2);
            case OpCodeOperandKind.mem_offs:
                return Append(code, (uint)chance.Below(Layout.RamBytes), addressBits / 8);
            default:
                return 0;
        }
    }

    private static int Append(Span<byte> code, uint value, int bytes)
    {
        Span<byte> buffer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, value);
        buffer[..bytes].CopyTo(code);
        return bytes;
    }
}
