using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>Encodes one form with operands of the generator's choice. Registers may be adjusted so that the memory operand lies where it is wanted.</summary>
internal ref struct Assembly
{
    private static readonly int[] _base16 = [3, 3, 5, 5, 6, 7, 5, 3];
    private static readonly int[] _index16 = [6, 7, 6, 7, -1, -1, -1, -1];
    private static readonly byte[] _segmentPrefixes = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65];

    private readonly Chance _chance;
    private readonly OpCodeInfo _info;
    private readonly int _bitness;
    private readonly Placement _placement;
    private readonly List<byte> _tail = [];
    private readonly List<byte> _immediates = [];
    private int _override = -1;

    public Assembly(Chance chance, Code code, int bitness, Placement placement)
    {
        _chance = chance;
        _info = code.ToOpCode();
        _bitness = bitness;
        _placement = placement;
        Size = Math.Max(1, _info.MemorySize.GetSize());
        AddressBits = bitness;
    }

    /// <summary>Bytes of the memory operand, at least 1.</summary>
    public int Size { get; }

    /// <summary>16 or 32.</summary>
    public int AddressBits { get; private set; }

    /// <summary>Whether ModR/M, an offset or an implicit register names memory.</summary>
    public bool HasMemory { get; private set; }

    /// <summary>Offset of the memory operand in its segment.</summary>
    public uint Offset { get; private set; }

    /// <summary>Encoding of the segment register of the memory operand.</summary>
    public int Segment { get; private set; } = 3;

    /// <summary>Register in ModR/M.rm or in the opcode, or -1.</summary>
    public int RmRegister { get; private set; } = -1;

    /// <summary>Register in ModR/M.reg, or -1.</summary>
    public int RegRegister { get; private set; } = -1;

    /// <summary>Whether the memory operand must lie in one cache line: a locked access across two may trap (SDM Vol. 3A, 9.1.2.3).</summary>
    public bool Aligned { get; set; }

    /// <summary>Encodes.</summary>
    /// <param name="before">Registers; a base register may be set.</param>
    /// <param name="prefix">LOCK, REP or REPNE, or 0.</param>
    /// <returns>The bytes, 15 at most.</returns>
    public byte[] Encode(ref RegisterState before, byte prefix)
    {
        ChooseAddressing(before);
        int opcode = (int)_info.OpCode;
        bool hasModRm = _info.IsGroup;
        int reg = _info.IsGroup ? _info.GroupIndex : 0;
        bool memory = false;
        bool register = false;
        for (int i = 0; i < _info.OpCount; i++)
        {
            switch (_info.GetOpKind(i))
            {
                case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem:
                    hasModRm = true;
                    register = _chance.Percent(35);
                    memory = !register;
                    break;
                case OpCodeOperandKind.mem:
                    hasModRm = memory = true;
                    break;
                case OpCodeOperandKind.r32_rm:
                    hasModRm = register = true;
                    break;
                case OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r32_reg:
                    hasModRm = true;
                    reg = RegRegister = _chance.Below(8);
                    break;
                case OpCodeOperandKind.seg_reg:
                    hasModRm = true;
                    reg = _chance.Below(6);
                    break;
                case OpCodeOperandKind.cr_reg:
                    hasModRm = true;
                    reg = _chance.Of(0, 2, 3, 4);
                    break;
                case OpCodeOperandKind.dr_reg:
                    hasModRm = true;
                    reg = _chance.Of(0, 1, 2, 3, 6, 7);
                    break;
                case OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode:
                    RmRegister = _chance.Below(8);
                    opcode += RmRegister;
                    break;
                case OpCodeOperandKind.mem_offs:
                    HasMemory = true;
                    Offset = Place(before);
                    Append(_immediates, Offset, AddressBits / 8);
                    break;
                default:
                    AppendImmediate(_info.GetOpKind(i));
                    break;
            }
        }

        _tail.Clear();
        if (hasModRm && memory)
        {
            HasMemory = true;
            EncodeMemory(ref before, reg);
        }
        else if (hasModRm)
        {
            RmRegister = register || !_info.IsGroup ? _chance.Below(8) : 0;
            _tail.Add((byte)(0xC0 | (reg << 3) | RmRegister));
        }

        return Join(prefix, opcode);
    }

    private void ChooseAddressing(in RegisterState before)
    {
        bool addressed = false;
        for (int i = 0; i < _info.OpCount; i++)
        {
            addressed |= _info.GetOpKind(i) is OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.mem
                or OpCodeOperandKind.mem_offs or OpCodeOperandKind.seg_rSI or OpCodeOperandKind.es_rDI or OpCodeOperandKind.seg_rBX_al;
        }

        if (_info.AddressSize != 0)
        {
            AddressBits = _info.AddressSize;
        }
        else if (addressed)
        {
            _override = _chance.Percent(25) ? _chance.Below(6) : -1;
            Segment = _override >= 0 ? _override : 3;

            // 16-bit offsets reach the mapped pages only through a segment of the LDT.
            bool local = (before.Segments[Segment] & 4) != 0;
            AddressBits = _chance.Percent(local ? 45 : 4) ? 16 : 32;
        }
    }

    private readonly uint Place(in RegisterState before)
    {
        uint offset = _placement.Offset(Size, before.Segments[Segment], Aligned);
        return AddressBits == 16 ? offset & 0xFFFF : offset;
    }

    private void EncodeMemory(ref RegisterState before, int reg)
    {
        if (AddressBits == 16)
        {
            EncodeMemory16(ref before, reg);
        }
        else
        {
            EncodeMemory32(ref before, reg);
        }
    }

    private void EncodeMemory16(ref RegisterState before, int reg)
    {
        int rm = _chance.Below(8);
        int mod = _chance.Below(3);
        bool direct = mod == 0 && rm == 6;
        int first = direct ? -1 : _base16[rm];
        if (_override < 0 && first == 5)
        {
            Segment = 2;
        }

        Offset = Place(before);
        uint index = direct || _index16[rm] < 0 ? 0 : before.Gpr[_index16[rm]];
        uint displacement = mod == 1 ? (uint)(sbyte)_chance.Next() : 0;
        if (mod == 2 || direct)
        {
            displacement = Offset - index - (direct ? 0 : before.Gpr[first]);
        }
        else
        {
            uint wanted = (Offset - index - displacement) & 0xFFFF;
            before.Gpr[first] = (before.Gpr[first] & 0xFFFF0000) | wanted;
        }

        _tail.Add((byte)((mod << 6) | (reg << 3) | rm));
        Append(_tail, displacement, direct ? 2 : mod);
    }

    private void EncodeMemory32(ref RegisterState before, int reg)
    {
        bool sib = _chance.Percent(40);
        int mod = _chance.Below(3);
        int first = _chance.Below(8);
        int index = sib ? _chance.Below(8) : 4;
        int scale = sib ? _chance.Below(4) : 0;
        sib |= first == 4;
        bool direct = mod == 0 && first == 5;
        if (!direct && (first == 4 || first == index))
        {
            mod = 2;
        }

        if (_override < 0 && !direct && first is 4 or 5)
        {
            Segment = direct ? 3 : 2;
        }

        Offset = Place(before);
        uint scaled = index == 4 ? 0 : before.Gpr[index] << scale;
        uint displacement = mod == 1 ? (uint)(sbyte)_chance.Next() : 0;
        if (mod == 2 || direct)
        {
            displacement = Offset - scaled - (direct ? 0 : before.Gpr[first]);
        }
        else
        {
            before.Gpr[first] = Offset - scaled - displacement;
        }

        _tail.Add((byte)((mod << 6) | (reg << 3) | (sib ? 4 : first)));
        if (sib)
        {
            _tail.Add((byte)((scale << 6) | (index << 3) | first));
        }

        Append(_tail, displacement, mod == 2 || direct ? 4 : mod);
    }

    private void AppendImmediate(OpCodeOperandKind kind)
    {
        Mnemonic mnemonic = _info.Mnemonic;
        switch (kind)
        {
            case OpCodeOperandKind.imm8 when mnemonic == Mnemonic.Int:
                // Vectors 3, 4 and 80h have gates that ring 3 may use.
                _immediates.Add(_chance.Of<byte>([0, 1, 2, 8, 13, 14, 0x20, 0x21, 0x7F, 0x81, 0xFF, (byte)(0x90 + _chance.Below(0x60))]));
                break;
            case OpCodeOperandKind.imm8 when mnemonic == Mnemonic.Enter:
                _immediates.Add(_chance.Percent(80) ? (byte)_chance.Below(4) : (byte)_chance.Next());
                break;
            case OpCodeOperandKind.imm16 when mnemonic == Mnemonic.Enter:
                Append(_immediates, _chance.Percent(80) ? (uint)_chance.Below(0x40) : _chance.Value(), 2);
                break;
            case OpCodeOperandKind.imm8 when _info.Op0Kind is OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem:
                _immediates.Add(_chance.Percent(50) ? (byte)_chance.Value() : _chance.Of<byte>([0, 1, 2, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33]));
                break;
            case OpCodeOperandKind.imm8 or OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32 or OpCodeOperandKind.br16_1 or OpCodeOperandKind.br32_1:
                _immediates.Add((byte)_chance.Value());
                break;
            case OpCodeOperandKind.imm16 or OpCodeOperandKind.br16_2:
                Append(_immediates, _chance.Value(), 2);
                break;
            case OpCodeOperandKind.imm32:
                Append(_immediates, _chance.Value(), 4);
                break;
            case OpCodeOperandKind.br32_4:
                Append(_immediates, _chance.Percent(50) ? (uint)(_chance.Below(0x400) - 0x200) : _chance.Value(), 4);
                break;
            case OpCodeOperandKind.farbr2_2 or OpCodeOperandKind.farbr4_2:
                Append(_immediates, _placement.CodeOffset(), kind == OpCodeOperandKind.farbr2_2 ? 2 : 4);
                Append(_immediates, _placement.CodeSelector(), 2);
                break;
            case OpCodeOperandKind.seg_rSI or OpCodeOperandKind.es_rDI or OpCodeOperandKind.seg_rBX_al:
                HasMemory = true;
                break;
        }
    }

    private readonly byte[] Join(byte prefix, int opcode)
    {
        var bytes = new List<byte>(15);
        bool segmentFirst = _chance.Percent(50);
        if (_override >= 0 && segmentFirst)
        {
            bytes.Add(_segmentPrefixes[_override]);
        }

        if (prefix != 0)
        {
            bytes.Add(prefix);
        }

        if (_info.OperandSize != 0 ? _info.OperandSize != _bitness : _chance.Percent(4))
        {
            bytes.Add(0x66);
        }

        if (AddressBits != _bitness)
        {
            bytes.Add(0x67);
        }

        if (_override >= 0 && !segmentFirst)
        {
            bytes.Add(_segmentPrefixes[_override]);
        }

        if (_info.MandatoryPrefix == MandatoryPrefix.PF3)
        {
            bytes.Add(0xF3);
        }

        if (_info.Table == OpCodeTableKind.T0F)
        {
            bytes.Add(0x0F);
        }

        bytes.Add((byte)opcode);
        bytes.AddRange(_tail);
        bytes.AddRange(_immediates);
        return [.. bytes];
    }

    private static void Append(List<byte> bytes, uint value, int count)
    {
        Span<byte> buffer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, value);
        bytes.AddRange(buffer[..count]);
    }
}
