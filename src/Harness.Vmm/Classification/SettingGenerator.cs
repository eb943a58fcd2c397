using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>
/// Draws settings of a form: operands are numbers, selectors, far pointers, control values or noise, so that among them the instruction succeeds, and
/// succeeds in changing what it can change. The same form and number give the same setting on every computer.
/// </summary>
internal sealed class SettingGenerator : IOperandSource
{
    private const ushort FarOffset = 0x300;
    private static readonly uint[] ControlValues =
    [
        0x80000031, 0x80000033, 0x80000039, 0x80010031, 0x80040033, 0x60000010, 0x60000030, 0x11, 0x31, LabLayout.PageDirectory, LabLayout.PageDirectory | 0x18,
        LabLayout.PageDirectory + LabLayout.CopyBytes, 0, 0x40, 0x10, 0x04, 0x01, 0x2000, 0x400, 0x500, 0x1234,
    ];

    private static readonly uint[] FlagImages =
    [
        Eflags.Fixed, Eflags.Fixed | Eflags.IF, Eflags.Fixed | Eflags.IOPL, Eflags.Fixed | Eflags.IF | Eflags.IOPL, Eflags.Fixed | Eflags.Status, Eflags.Fixed | Eflags.VM,
        Eflags.Fixed | Eflags.VIF | Eflags.VIP | Eflags.IF, Eflags.Fixed | Eflags.NT | Eflags.DF, Eflags.Fixed | Eflags.AC | Eflags.ID,
    ];

    private readonly ProcessorModel _model;
    private readonly GuestMode _mode;
    private readonly InstructionForm _form;
    private readonly LabChance _chance;
    private readonly Theme _theme;

    /// <summary>In every place that may hold a selector.</summary>
    private readonly ushort? _selector;

    /// <summary>16 or 32; 0 where the encoding does not say.</summary>
    private readonly int _operandBits;

    /// <summary>The operand in memory is a far pointer.</summary>
    private readonly bool _hasFarPointer;

    /// <summary>What RET releases between the return address and the outer stack.</summary>
    private uint _released;

    private SettingGenerator(ProcessorModel model, GuestMode mode, InstructionForm form, int number, ushort? selector)
    {
        _selector = selector;
        _model = model;
        _mode = mode;
        _form = form;
        OpCodeInfo encoding = form.Code.ToOpCode();
        _operandBits = encoding.OperandSize;
        _hasFarPointer = encoding.MemorySize is MemorySize.SegPtr16 or MemorySize.SegPtr32;
        ulong seed = (ulong)form.Code << 32 | (uint)number;
        foreach (FormOperand operand in form.Operands)
        {
            seed = LabChance.Mix(seed + (ulong)operand.Choice * 256 + (ulong)operand.System);
        }

        _chance = new LabChance(seed + (form.Repeats ? 1u : 0) + ((ulong)mode << 60));
        _theme = selector is null ? (Theme)(number % (int)Theme.Count) : Theme.Selectors;
    }

    private enum Theme
    {
        Numbers,
        Selectors,
        FarPointers,
        Controls,
        Noise,
        Count,
    }

    private int Bits => Situation.BitsOf(_mode);

    /// <summary>The setting of this number. Null: that instance has no encoding of its own.</summary>
    public static Setting? Make(ProcessorModel model, GuestMode mode, InstructionForm form, int number) => new SettingGenerator(model, mode, form, number, null).Make();

    /// <summary>A setting with this selector wherever the form may look for one. Null: that instance has no encoding of its own.</summary>
    public static Setting? Aim(ProcessorModel model, GuestMode mode, InstructionForm form, ushort selector) => new SettingGenerator(model, mode, form, 0, selector).Make();

    /// <inheritdoc/>
    public int GeneralRegister() => _chance.Of([0, 1, 2, 3, 3, 6, 7]);

    /// <inheritdoc/>
    public uint MemoryOffset() => LabLayout.OperandOffset;

    /// <inheritdoc/>
    public uint Immediate(int bytes) => _form.Code.Mnemonic() == Mnemonic.Int
        ? _chance.OneIn(4) ? _chance.Next() & 0xFF : _chance.Of(LabLayout.Vectors)
        : _form.Code.Mnemonic() == Mnemonic.Retf ? _released = 4 * (uint)_chance.Below(5)
        : bytes switch
        {
            1 => _chance.OneIn(2) ? 1 + (uint)_chance.Below(15) : _chance.Next() & 0xFF,
            2 => Value() & 0xFFFF,
            _ => Value(),
        };

    /// <inheritdoc/>
    public uint Target() => LabLayout.InstructionOffset + 0x20 + (uint)_chance.Below(0x40);

    /// <inheritdoc/>
    public (uint Offset, ushort Selector) FarPointer() => (FarOffset, CodeSelector());

    private bool UsesVmx => _mode == GuestMode.Protected && _model.Has(Feature.Vmx) && _form.Code.CpuidFeatures().Contains(CpuidFeature.VMX);

    private Setting? Make()
    {
        if (!FormEncoder.TryEncode(_form, Bits, LabLayout.InstructionOffset, this, out byte[] code))
        {
            return null;
        }

        uint[] registers = new uint[8];
        for (int i = 0; i < 8; i++)
        {
            registers[i] = Value();
        }

        registers[1] = _form.Repeats ? (uint)_chance.Below(4) : registers[1];
        registers[2] = _theme == Theme.Numbers && _chance.OneIn(2) ? 0 : registers[2];
        registers[4] = LabLayout.StackPointer;
        registers[5] = _chance.OneIn(4) ? registers[5] : LabLayout.StackPointer - 0x40;
        for (int i = 3; i < 8; i = i == 3 ? 6 : i + 1)
        {
            // XLATB and string instructions address through these.
            bool pointer = _selector is null && !_chance.OneIn(3);
            registers[i] = pointer ? 0x200 + (uint)i * 0x20 : registers[i];
        }

        AimAtRegister(registers);
        return new Setting
        {
            Code = code,
            Registers = registers,
            Flags = (_chance.Next() & (Eflags.Status | Eflags.VIF | Eflags.VIP | (_chance.OneIn(4) ? Eflags.DF : 0))) | (_chance.OneIn(8) && _selector is null ? Eflags.NT : 0),
            TaskSwitched = _chance.OneIn(8),
            Vmx = !UsesVmx ? VmxOperation.Off : (VmxOperation)(1 + _chance.Below(_form.Code is Code.Vmlaunch or Code.Vmresume ? 4 : 2)),
            Memory =
            [
                new SettingBytes(LabLayout.Data + LabLayout.OperandOffset, Operand()),
                new SettingBytes(LabLayout.Data + 0x2C0, Noise(0x30)),
                new SettingBytes(LabLayout.Stack + LabLayout.StackPointer, StackContents()),
            ],
        };
    }

    /// <summary>
    /// RDPMC, RDMSR and WRMSR fault on nearly every number, and WRMSR on nearly every value: most of their settings name a register that exists, and what it can
    /// hold. No other form's settings depend on the model's registers.
    /// </summary>
    private void AimAtRegister(uint[] registers)
    {
        if (_form.Code == Code.Rdmsr && _model.Msrs.Count > 0 && !_chance.OneIn(4))
        {
            registers[1] = _chance.OneIn(4) ? Msr.IA32_TIME_STAMP_COUNTER : _chance.Of(_model.Msrs).Number;
        }

        if (_form.Code == Code.Rdpmc && _chance.OneIn(2))
        {
            registers[1] = (uint)_chance.Below(2);
        }

        if (_form.Code == Code.Wrmsr && _model.Msrs.Count > 0 && _chance.OneIn(2))
        {
            MsrDescription msr = _chance.Of(_model.Msrs);
            ulong value = (msr.Reset & ~msr.Writable) | (((ulong)_chance.Next() << 32 | _chance.Next()) & msr.Writable);
            registers[0] = (uint)value;
            registers[1] = msr.Number;
            registers[2] = (uint)(value >> 32);
        }
    }

    private uint Value() => _theme switch
    {
        Theme.Numbers => 1 + (uint)_chance.Below(30),
        Theme.Selectors => Selector(),
        Theme.FarPointers => _chance.OneIn(2) ? FarOffset : CodeSelector(),
        Theme.Controls => _chance.Of(ControlValues),
        _ => _chance.Next(),
    };

    private ushort Selector()
    {
        if (_selector is { } aimed)
        {
            return aimed;
        }

        if (_mode != GuestMode.Protected)
        {
            return (ushort)(_chance.OneIn(2) ? LabLayout.Data >> 4 : _chance.Next());
        }

        int rpl = _chance.OneIn(2) ? 3 : 0;
        Mnemonic mnemonic = _form.Code.Mnemonic();
        int index = mnemonic switch
        {
            Mnemonic.Ltr when _chance.OneIn(2) => 18 + _chance.Below(3),
            Mnemonic.Lldt when _chance.OneIn(2) => _chance.Of([14, 15, 28]),
            _ when _chance.OneIn(3) => -1,
            _ => _chance.Of([3, 4, 5, 6, 9, 10, 29, 34]),
        };

        // Loads of SS want RPL and DPL as they are in one of the modes.
        return index == 3 ? LabLayout.Stack0 : index == 4 ? (ushort)(LabLayout.Stack3 | 3) : (ushort)((index < 0 ? _chance.Of(LabLayout.Selectors) : index * 8) | rpl);
    }

    private ushort CodeSelector() =>
        _selector is { } aimed ? aimed
        : _mode != GuestMode.Protected ? (ushort)(LabLayout.Code >> 4)
        : _chance.OneIn(3) ? _chance.Of<ushort>([LabLayout.Code0, LabLayout.Code3 | 3])
        : (ushort)(_chance.Of([1, 2, 10, 11, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 32]) * 8 | (_chance.OneIn(2) ? 3 : 0));

    private byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i += 4)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i), _chance.Next());
        }

        return bytes;
    }

    /// <summary>Sixteen bytes for an operand in memory: a number, a selector, a far pointer of the form's size, a pair of bounds or a table register's image.</summary>
    private byte[] Operand()
    {
        byte[] bytes = new byte[16];
        if (UsesVmx && _chance.OneIn(2))
        {
            // The region for VMXON, the current VMCS, or another one.
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, LabLayout.VmxRegions + (uint)_chance.Below(LabLayout.VmxRegionCount) * Ram.PageSize);
            return bytes;
        }

        switch (_theme)
        {
            case Theme.FarPointers:
            case Theme.Numbers or Theme.Controls when _hasFarPointer:
            case Theme.Selectors when _hasFarPointer && _selector is not null:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, FarOffset);
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(_operandBits == 16 ? 2 : 4), CodeSelector());
                break;
            case Theme.Numbers when _chance.OneIn(2):
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, _operandBits == 16 ? 0x7FFF0000u : 0);
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), int.MaxValue);
                break;
            case Theme.Selectors:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)Selector() << 16 | Selector());
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), Selector());
                break;
            case Theme.Noise:
                return Noise(16);
            default:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, Value());
                break;
        }

        return bytes;
    }

    /// <summary>What the instruction may pop: an image of the flags, a selector, or the frame of an interrupt or of a far call.</summary>
    private byte[] StackContents()
    {
        bool wide = _operandBits == 32 || (_operandBits != 16 && (Bits == 32 ? !_chance.OneIn(3) : _chance.OneIn(3)));
        uint flags = _chance.Of(FlagImages);
        uint code = CodeSelector();
        uint stack = _chance.Of<uint>([LabLayout.Stack0, LabLayout.Stack3 | 3, 34 * 8 | 1]);
        const uint pointer = LabLayout.StackPointer - 0x100;
        uint data = LabLayout.DataEs | 3;
        Mnemonic mnemonic = _form.Code.Mnemonic();
        bool returns = mnemonic is Mnemonic.Iret or Mnemonic.Iretd;
        uint[] words = (mnemonic is Mnemonic.Popf or Mnemonic.Popfd && !_chance.OneIn(4)) ? [flags, 0, 0]
            : mnemonic == Mnemonic.Retf && (_selector is not null || _chance.OneIn(2)) ? [FarOffset, code, pointer, stack]
            : _selector is not null ? returns ? [FarOffset, code, Eflags.Fixed, pointer, stack] : [Selector(), 0, 0]
            : _chance.Below(5) switch
            {
                0 => [flags, 0, 0],
                1 => [Selector(), 0, 0],
                2 => [FarOffset, code, flags, pointer, stack, data, data, data, data],
                3 => [FarOffset, code, pointer, stack],
                _ => [_chance.Next(), _chance.Next(), _chance.Next()],
            };
        byte[] bytes = new byte[words.Length * (wide ? 4 : 2) + (int)_released];
        for (int i = 0; i < words.Length; i++)
        {
            int at = i * (wide ? 4 : 2) + (i < 2 ? 0 : (int)_released);
            if (wide)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), words[i]);
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), (ushort)words[i]);
            }
        }

        return bytes;
    }
}
