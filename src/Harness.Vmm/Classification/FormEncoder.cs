using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>What the encoder asks about the operands of one instance of a form; each answer is drawn by the caller.</summary>
internal interface IOperandSource
{
    /// <summary>Number of a general register, 0 to 7.</summary>
    int GeneralRegister();

    /// <summary>Offset of a memory operand in its segment.</summary>
    uint MemoryOffset();

    /// <summary>An immediate of <paramref name="bytes"/> bytes.</summary>
    uint Immediate(int bytes);

    /// <summary>Offset that a near branch leads to.</summary>
    uint Target();

    /// <summary>Offset and selector of a far pointer.</summary>
    (uint Offset, ushort Selector) FarPointer();
}

/// <summary>Encodes instances of forms.</summary>
internal static class FormEncoder
{
    /// <summary>Whether the form has an encoding in code of this size that decodes to it again.</summary>
    public static bool CanEncode(InstructionForm form, int bits) => TryEncode(form, bits, LabLayout.InstructionOffset, new Plain(), out _);

    /// <summary>The bytes at offset <paramref name="eip"/> of the code segment. False: there is no such instance, as XCHG EAX, EAX is NOP.</summary>
    public static bool TryEncode(InstructionForm form, int bits, uint eip, IOperandSource source, out byte[] bytes)
    {
        var instruction = new Instruction { CodeSize = bits == 16 ? CodeSize.Code16 : CodeSize.Code32 };
        instruction.Code = form.Code;
        instruction.HasRepPrefix = form.Repeats;
        for (int i = 0; i < form.Operands.Count; i++)
        {
            SetOperand(ref instruction, i, form.Operands[i], bits, source);
        }

        var writer = new Writer();
        var encoder = Encoder.Create(bits, writer);
        bytes = [];
        if (!encoder.TryEncode(instruction, eip, out _, out _))
        {
            return false;
        }

        bytes = writer.Bytes();
        var decoder = Decoder.Create(bits, new ByteArrayCodeReader(bytes));
        decoder.IP = eip;
        decoder.Decode(out Instruction decoded);
        return decoded.Code == form.Code && decoded.Length == bytes.Length;
    }

    private static void SetOperand(ref Instruction i, int index, FormOperand operand, int bits, IOperandSource source)
    {
        switch (operand.Choice)
        {
            case OperandChoice.SystemRegister:
                i.SetOpKind(index, OpKind.Register);
                i.SetOpRegister(index, operand.System);
                break;
            case OperandChoice.Register:
                i.SetOpKind(index, OpKind.Register);
                i.SetOpRegister(index, FirstRegister(operand.Kind) + source.GeneralRegister());
                break;
            case OperandChoice.Memory:
                SetMemory(ref i, index, bits, source);
                break;
            default:
                SetImplied(ref i, index, operand.Kind, bits, source);
                break;
        }
    }

    private static Register FirstRegister(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode => Register.AL,
        OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r16_opcode => Register.AX,
        _ => Register.EAX,
    };

    private static void SetMemory(ref Instruction i, int index, int bits, IOperandSource source)
    {
        i.SetOpKind(index, OpKind.Memory);
        i.MemoryDisplSize = bits / 8;
        i.MemoryDisplacement64 = source.MemoryOffset();
    }

    private static void SetImplied(ref Instruction i, int index, OpCodeOperandKind kind, int bits, IOperandSource source)
    {
        bool wide = bits == 32;
        switch (kind)
        {
            case OpCodeOperandKind.seg_rSI:
                i.SetOpKind(index, wide ? OpKind.MemorySegESI : OpKind.MemorySegSI);
                break;
            case OpCodeOperandKind.es_rDI:
                i.SetOpKind(index, wide ? OpKind.MemoryESEDI : OpKind.MemoryESDI);
                break;
            case OpCodeOperandKind.seg_rBX_al:
                i.SetOpKind(index, OpKind.Memory);
                i.MemoryBase = wide ? Register.EBX : Register.BX;
                i.MemoryIndex = Register.AL;
                break;
            case OpCodeOperandKind.br16_1 or OpCodeOperandKind.br16_2:
                i.SetOpKind(index, OpKind.NearBranch16);
                i.NearBranch16 = (ushort)source.Target();
                break;
            case OpCodeOperandKind.br32_1 or OpCodeOperandKind.br32_4:
                i.SetOpKind(index, OpKind.NearBranch32);
                i.NearBranch32 = source.Target();
                break;
            case OpCodeOperandKind.farbr2_2:
                (uint offset16, i.FarBranchSelector) = source.FarPointer();
                i.SetOpKind(index, OpKind.FarBranch16);
                i.FarBranch16 = (ushort)offset16;
                break;
            case OpCodeOperandKind.farbr4_2:
                (uint offset32, i.FarBranchSelector) = source.FarPointer();
                i.SetOpKind(index, OpKind.FarBranch32);
                i.FarBranch32 = offset32;
                break;
            case OpCodeOperandKind.st0:
                i.SetOpKind(index, OpKind.Register);
                i.SetOpRegister(index, Register.ST0);
                break;
            case OpCodeOperandKind.sti_opcode:
                i.SetOpKind(index, OpKind.Register);
                i.SetOpRegister(index, Register.ST0 + source.GeneralRegister());
                break;
            default:
                SetImmediateOrRegister(ref i, index, kind, source);
                break;
        }
    }

    private static void SetImmediateOrRegister(ref Instruction i, int index, OpCodeOperandKind kind, IOperandSource source)
    {
        Register register = kind switch
        {
            OpCodeOperandKind.es => Register.ES,
            OpCodeOperandKind.cs => Register.CS,
            OpCodeOperandKind.ss => Register.SS,
            OpCodeOperandKind.ds => Register.DS,
            OpCodeOperandKind.fs => Register.FS,
            OpCodeOperandKind.gs => Register.GS,
            OpCodeOperandKind.al => Register.AL,
            OpCodeOperandKind.cl => Register.CL,
            OpCodeOperandKind.ax => Register.AX,
            OpCodeOperandKind.dx => Register.DX,
            OpCodeOperandKind.eax => Register.EAX,
            _ => Register.None,
        };
        if (register != Register.None)
        {
            i.SetOpKind(index, OpKind.Register);
            i.SetOpRegister(index, register);
            return;
        }

        (OpKind immediate, int bytes) = kind switch
        {
            OpCodeOperandKind.imm8 when index > 0 && i.GetOpKind(0) is OpKind.Immediate16 or OpKind.Immediate8 => (OpKind.Immediate8_2nd, 1),
            OpCodeOperandKind.imm8sex16 => (OpKind.Immediate8to16, 1),
            OpCodeOperandKind.imm8sex32 => (OpKind.Immediate8to32, 1),
            OpCodeOperandKind.imm16 => (OpKind.Immediate16, 2),
            OpCodeOperandKind.imm32 => (OpKind.Immediate32, 4),
            _ => (OpKind.Immediate8, 1),
        };
        uint value = kind == OpCodeOperandKind.imm8_const_1 ? 1 : source.Immediate(bytes);
        i.SetOpKind(index, immediate);
        ulong extended = immediate is OpKind.Immediate8to16 or OpKind.Immediate8to32 ? (ulong)(sbyte)value : value;
        i.SetImmediate(index, extended);
    }

    /// <summary>Takes what the encoder writes.</summary>
    private sealed class Writer : CodeWriter
    {
        private readonly List<byte> _bytes = [];

        public byte[] Bytes() => [.. _bytes];

        public override void WriteByte(byte value) => _bytes.Add(value);
    }

    /// <summary>Operands for the question whether there is an encoding at all.</summary>
    private sealed class Plain : IOperandSource
    {
        private int _register;

        public int GeneralRegister() => ++_register & 7;

        public uint MemoryOffset() => LabLayout.OperandOffset;

        public uint Immediate(int bytes) => 3;

        public uint Target() => LabLayout.InstructionOffset + 0x20;

        public (uint Offset, ushort Selector) FarPointer() => (LabLayout.InstructionOffset, 8);
    }
}
