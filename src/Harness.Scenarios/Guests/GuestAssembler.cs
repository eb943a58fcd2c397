using System.Buffers.Binary;
using System.Text;

namespace Harness.Scenarios;

/// <summary>
/// Iced's assembler with what system code needs: labels as immediates and displacements in 16- and 32-bit code, data, layout, far pointers, descriptors,
/// two code sizes in one program, and marks. Instructions are methods of the base class: <c>a.mov(eax, 1)</c>.
/// </summary>
public sealed class GuestAssembler : Assembler
{
    /// <summary>The port whose write ends the run.</summary>
    public const byte ExitPort = 0xF4;

    // Needs more than a sign-extended byte and fits a word, so that Iced chooses the encoding with the full field.
    private const int FullField = 0x7FFF;
    private readonly GuestProgram _program;
    private int _taken;
    private GuestLabel? _previousAnonymous;
    private GuestLabel? _nextAnonymous;

    internal GuestAssembler(GuestProgram program, int bitness)
        : base(bitness) => _program = program;

    /// <summary>Sensitive instructions give way to hypercalls.</summary>
    internal bool UsesHypercalls { get; set; }

    /// <summary>In code with hypercalls: a vector whose gate leads to its handler without the monitor, and so does not fit the kernel's own INT n.</summary>
    internal (byte Vector, GuestLabel Handler)? Direct { get; set; }

    /// <summary>The anonymous label before this place.</summary>
    public new GuestLabel B => _previousAnonymous
        ?? throw new GuestBuildException("B means the anonymous label before this place, and there is none: call AnonymousLabel() first.");

    /// <summary>The anonymous label after this place.</summary>
    public new GuestLabel F => _nextAnonymous ??= _program.NewLabel("anonymous", "AnonymousLabel()");

    /// <summary>A label to be placed by <see cref="Label"/>.</summary>
    public GuestLabel CreateLabel(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => _program.NewLabel(name, Place(file, line));

    /// <inheritdoc cref="CreateLabel(string, string, int)"/>
    public GuestLabel CreateLabel([CallerLineNumber] int line = 0, [CallerFilePath] string file = "") => _program.NewLabel("label", Place(file, line));

    /// <summary>Places a label here.</summary>
    public void Label(GuestLabel label)
    {
        Take();
        _program.Bind(label);
    }

    /// <summary>A new label, placed here.</summary>
    public GuestLabel Here(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        GuestLabel label = _program.NewLabel(name, Place(file, line));
        Label(label);
        return label;
    }

    /// <summary>A label without a name, which <see cref="B"/> and <see cref="F"/> refer to.</summary>
    public new void AnonymousLabel()
    {
        GuestLabel label = F;
        _nextAnonymous = null;
        Label(label);
        _previousAnonymous = label;
    }

    /// <summary>Names the next instruction, or all up to the end of the <c>using</c> scope or to <see cref="MarkEnd"/>.</summary>
    public MarkScope Mark(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        Given.NotNull(name, "a name");
        Take();
        _program.BeginMark(name, Place(file, line));
        return new MarkScope(this, name);
    }

    /// <summary>Ends a mark here.</summary>
    public void MarkEnd(string name)
    {
        Take();
        _program.EndMark(name);
    }

    /// <summary>Ends the run with AL as the value of the exit port; no register changes.</summary>
    public void Done() => @out(ExitPort, al);

    /// <summary>Code of 16 bits in this place.</summary>
    public void Bits16(Action<GuestAssembler> body) => Nested(16, body);

    /// <summary>Code of 32 bits in this place.</summary>
    public void Bits32(Action<GuestAssembler> body) => Nested(32, body);

    /// <summary>What follows lies at <paramref name="address"/>, linear and physical.</summary>
    public void Org(uint address) => Org(address, address);

    /// <summary>What follows is loaded at a physical address, to run at a linear one.</summary>
    public void Org(uint linear, uint physical) => Add(new OrgPart(linear, physical));

    /// <summary>Zeros up to a multiple of <paramref name="boundary"/>.</summary>
    public void Align(uint boundary) => Align(boundary, 0);

    /// <summary>Bytes of value <paramref name="fill"/> up to a multiple of <paramref name="boundary"/>.</summary>
    public void Align(uint boundary, byte fill)
    {
        if (boundary == 0)
        {
            throw new GuestBuildException("Align expects the number of bytes to align to, 1 or more; found 0.");
        }

        Add(new AlignPart(boundary, fill));
    }

    /// <summary>The bytes of one instruction.</summary>
    public void Raw(params byte[] instruction) => Add(UsesHypercalls ? throw new SensitiveInstructionException("the kernel has instructions as bytes, which are not looked at") : new BytesPart(instruction, Bitness));

    public void Db(params byte[] values) => Add(new BytesPart(values, 0));

    public void Dw(params ushort[] values) => Numbers(values, 2, v => v);

    public void Dw(GuestLabel value) => Add(new BytesPart(new byte[2], 0, new LabelField(0, FieldKind.Word, value)));

    public void Dd(params uint[] values) => Numbers(values, 4, v => v);

    public void Dd(GuestLabel value) => Add(new BytesPart(new byte[4], 0, new LabelField(0, FieldKind.Doubleword, value)));

    public void Dq(params ulong[] values) => Numbers(values, 8, v => v);

    /// <summary>Characters of one byte each, without an end.</summary>
    public void Ascii(string text)
    {
        Given.NotNull(text, "a text");
        if (!System.Text.Ascii.IsValid(text))
        {
            throw new GuestBuildException($"Ascii expects characters up to 7Fh; found \"{text}\": write the others by Db.");
        }

        Db(Encoding.ASCII.GetBytes(text));
    }

    /// <summary>Characters of one byte each and a zero.</summary>
    public void Asciz(string text)
    {
        Ascii(text);
        Db(0);
    }

    /// <summary>Zeros.</summary>
    public void Space(int bytes) => Add(new BytesPart(new byte[bytes], 0));

    /// <summary>A descriptor as it lies in a table.</summary>
    public void Descriptor(Descriptor descriptor) => Dq(descriptor.Raw);

    /// <summary>A descriptor whose base is a label.</summary>
    public void Descriptor(GuestLabel @base, Descriptor rest) =>
        Add(new BytesPart(BitConverter.GetBytes(rest.Raw), 0, new LabelField(0, FieldKind.DescriptorBase, @base)));

    /// <summary>A call, interrupt or trap gate of <paramref name="type"/> (a <see cref="SystemType"/>).</summary>
    public void Gate(ushort selector, GuestLabel offset, uint type, int dpl) =>
        Add(new BytesPart(BitConverter.GetBytes(Isa.Descriptor.Gate(selector, 0, type, dpl).Raw), 0, new LabelField(0, FieldKind.GateOffset, offset)));

    /// <summary>A pseudo-descriptor, the operand of LGDT and LIDT: limit, then base.</summary>
    public void PseudoDescriptor(ushort limit, GuestLabel @base)
    {
        Dw(limit);
        Dd(@base);
    }

    /// <summary>A far pointer in memory: an offset of 32 bits, then the selector.</summary>
    public void FarPointer(ushort selector, GuestLabel offset)
    {
        Dd(offset);
        Dw(selector);
    }

    /// <summary>JMP ptr16:16.</summary>
    public void JmpFar16(ushort selector, GuestLabel offset) => Far(Code.Jmp_ptr1616, selector, offset);

    /// <summary>JMP ptr16:32.</summary>
    public void JmpFar32(ushort selector, GuestLabel offset) => Far(Code.Jmp_ptr1632, selector, offset);

    /// <summary>CALL ptr16:16.</summary>
    public void CallFar16(ushort selector, GuestLabel offset) => Far(Code.Call_ptr1616, selector, offset);

    /// <summary>CALL ptr16:32.</summary>
    public void CallFar32(ushort selector, GuestLabel offset) => Far(Code.Call_ptr1632, selector, offset);

    public void mov(AssemblerRegister32 dst, GuestLabel value) => WithLabel(value, () => mov(dst, FullField));

    public void mov(AssemblerRegister16 dst, GuestLabel value) => WithLabel(value, () => mov(dst, (short)FullField));

    public void mov(AssemblerMemoryOperand dst, GuestLabel value) => WithLabel(value, () => base.mov(dst, 0));

    public void add(AssemblerRegister32 dst, GuestLabel value) => WithLabel(value, () => add(dst, FullField));

    public void add(AssemblerRegister16 dst, GuestLabel value) => WithLabel(value, () => add(dst, (short)FullField));

    public void sub(AssemblerRegister32 dst, GuestLabel value) => WithLabel(value, () => sub(dst, FullField));

    public void sub(AssemblerRegister16 dst, GuestLabel value) => WithLabel(value, () => sub(dst, (short)FullField));

    public void cmp(AssemblerRegister32 dst, GuestLabel value) => WithLabel(value, () => cmp(dst, FullField));

    public void cmp(AssemblerRegister16 dst, GuestLabel value) => WithLabel(value, () => cmp(dst, (short)FullField));

    public void push(GuestLabel value) => WithLabel(value, () => push(FullField));

    public void mov(AssemblerRegister32 dst, Flags value) => base.mov(dst, (uint)value);

    public void mov(AssemblerMemoryOperand dst, Flags value) => base.mov(dst, (uint)value);

    public void and(AssemblerRegister32 dst, Flags value) => base.and(dst, (uint)value);

    public void and(AssemblerMemoryOperand dst, Flags value) => base.and(dst, (uint)value);

    public void or(AssemblerRegister32 dst, Flags value) => base.or(dst, (uint)value);

    public void or(AssemblerMemoryOperand dst, Flags value) => base.or(dst, (uint)value);

    public void xor(AssemblerRegister32 dst, Flags value) => base.xor(dst, (uint)value);

    public void cmp(AssemblerRegister32 dst, Flags value) => base.cmp(dst, (uint)value);

    public void test(AssemblerRegister32 dst, Flags value) => base.test(dst, (uint)value);

    public void test(AssemblerMemoryOperand dst, Flags value) => base.test(dst, (uint)value);

    public void push(Flags value) => base.push((uint)value);

    /// <summary>Hands the instructions that the base class has collected to the program, in order.</summary>
    internal void Take() => Take(null);

    private static string Place(string file, int line) => $"{Path.GetFileName(file)}({line.ToString(CultureInfo.InvariantCulture)})";

    private void Add(ProgramPart part)
    {
        Take();
        _program.Add(part);
    }

    private void Take(GuestLabel? value)
    {
        for (; _taken < Instructions.Count; _taken++)
        {
            Instruction instruction = Instructions[_taken];
            Instruction next = _taken + 1 < Instructions.Count ? Instructions[_taken + 1] : default;
            if (UsesHypercalls && Direct is { } direct && instruction.Mnemonic == Mnemonic.Int && instruction.Immediate8 == direct.Vector)
            {
                byte[] call = HypercallCode.SoftwareInterrupt(out int handler);
                _program.Add(new BytesPart(call, Bitness, new LabelField(handler, FieldKind.Doubleword, direct.Handler)));
            }
            else if (UsesHypercalls && HypercallCode.For(instruction, next, out bool takesNext) is { } code)
            {
                _program.Add(new BytesPart(code, Bitness));
                _taken += takesNext ? 1 : 0;
            }
            else
            {
                _program.Add(new InstructionPart(instruction, Bitness, value));
            }
        }
    }

    private void Nested(int bits, Action<GuestAssembler> body)
    {
        Given.NotNull(body, Given.Code);
        Take();
        var nested = new GuestAssembler(_program, bits) { UsesHypercalls = UsesHypercalls, Direct = Direct };
        body(nested);
        nested.Take();
    }

    private void Far(Code code, ushort selector, GuestLabel offset) => WithLabel(offset, () => AddInstruction(Instruction.CreateBranch(code, selector, 0)));

    private void WithLabel(GuestLabel value, Action emit)
    {
        Take();
        emit();
        Take(value);
        CheckField(Instructions[^1]);
    }

    private static void CheckField(in Instruction instruction)
    {
        for (int i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) is OpKind.Immediate16 or OpKind.Immediate32 or OpKind.FarBranch16 or OpKind.FarBranch32)
            {
                return;
            }
        }

        throw new GuestBuildException($"\"{instruction}\" has no field of 16 or 32 bits for a label: use a word or doubleword operand.");
    }

    private void Numbers<T>(T[] values, int size, Func<T, ulong> widen)
    {
        var bytes = new byte[values.Length * size];
        Span<byte> whole = stackalloc byte[8];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(whole, widen(values[i]));
            whole[..size].CopyTo(bytes.AsSpan(i * size));
        }

        Add(new BytesPart(bytes, 0));
    }
}
