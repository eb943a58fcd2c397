using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Engines.Translate;

/// <summary>
/// The code that stands in the cache for one guest instruction that cannot be copied. Only its last instruction takes the guest's tick, so that interrupts and the
/// end of a run come before or after it, never between; whatever can fault comes before anything is changed, or writes what the instruction itself would write.
/// </summary>
internal sealed class Sequence
{
    private readonly Assembler _code = new(32);
    private readonly List<byte> _marks = [];

    /// <summary>Number in <see cref="_code"/> of the instruction that calls out, or -1.</summary>
    public int Callout { get; private set; } = -1;

    public IReadOnlyList<byte> Marks => _marks;

    /// <summary>Bytes, and the offset of each instruction, if it lies at an address.</summary>
    public byte[] Assemble(uint address, out int[] offsets)
    {
        var writer = new CodeBytes();
        AssemblerResult result = _code.Assemble(writer, address, BlockEncoderOptions.DontFixBranches | BlockEncoderOptions.ReturnNewInstructionOffsets);
        offsets = [.. result.Result[0].NewInstructionOffsets.Take(_marks.Count).Select(offset => (int)offset)];
        return writer.ToArray();
    }

    /// <summary>A jump, or the same conditional one, by a 32-bit displacement to be filled in.</summary>
    public static Sequence Branch(in Instruction instruction)
    {
        var sequence = new Sequence();
        sequence.Add(Instruction.CreateBranch(instruction.IsJccShortOrNear ? instruction.Code.ToNearBranch() : Code.Jmp_rel32_32, instruction.NearBranch32), 0);
        return sequence;
    }

    /// <summary>A jump that is no instruction of the guest; its displacement is filled in.</summary>
    public static Sequence Link()
    {
        var sequence = new Sequence();
        sequence.Add(Instruction.CreateBranch(Code.Jmp_rel32_32, MonitorRegion.Start), CodeMark.Hidden);
        return sequence;
    }

    /// <summary>UD2: the monitor is called, and nothing has happened.</summary>
    public static Sequence CallOut()
    {
        var sequence = new Sequence();
        sequence.AddCallout();
        return sequence;
    }

    /// <summary>LOOP or JECXZ: over a jump to what follows, or on to the one to its target, which is <see cref="Link"/> and comes next.</summary>
    public static Sequence ShortBranch(in Instruction instruction)
    {
        var sequence = new Sequence();
        Label taken = sequence._code.CreateLabel();
        Label next = sequence._code.CreateLabel();
        sequence.Add(Instruction.CreateBranch(instruction.Code, taken.Id), 0);
        sequence._code.jmp(next);
        sequence.Hide();
        sequence._code.Label(ref taken);
        sequence.Add(Instruction.CreateBranch(Code.Jmp_rel32_32, instruction.NearBranch32), CodeMark.Hidden);
        sequence._code.Label(ref next);
        sequence._code.zero_bytes();
        return sequence;
    }

    /// <summary>CALL: pushes the guest's return address.</summary>
    public static Sequence Call(in Instruction instruction)
    {
        var sequence = new Sequence();
        sequence._code.push((int)instruction.NextIP32);
        sequence.Hide();
        sequence.Add(Instruction.CreateBranch(Code.Jmp_rel32_32, instruction.NearBranch32), 0);
        return sequence;
    }

    /// <summary>
    /// A jump to where a register, memory or the stack says: the guest's target is looked up in the table. None of it touches the arithmetic flags: the
    /// comparison is NOT, LEA and JECXZ. A miss calls out, and nothing has happened.
    /// </summary>
    public static Sequence Lookup(in Instruction instruction, InstructionClass type)
    {
        var sequence = new Sequence();
        Assembler code = sequence._code;
        Label hit = code.CreateLabel();
        sequence.Save();
        if (type == InstructionClass.Return)
        {
            code.mov(eax, __dword_ptr[esp]);
        }
        else
        {
            code.AddInstruction(LoadOfTarget(instruction));
        }

        code.lea(ecx, __[eax * 8]);
        code.movzx(ecx, cx);
        code.not(eax);
        code.xchg(eax, ecx);
        code.mov(edx, __dword_ptr.gs[eax + CacheData.Table]);
        code.lea(ecx, __[ecx + edx + 1]);
        code.jecxz(hit);
        sequence.Restore();
        sequence.Hide();
        sequence.AddCallout();
        code.Label(ref hit);
        code.mov(eax, __dword_ptr.gs[eax + CacheData.Table + 4]);
        sequence.Hide();
        code.mov(__dword_ptr.gs[CacheData.Target], eax);
        sequence.Count(type);
        sequence.Restore();
        if (type == InstructionClass.Return)
        {
            code.lea(esp, __[esp + (4 + (instruction.OpCount == 0 ? 0 : instruction.Immediate16))]);
        }
        else if (type == InstructionClass.IndirectCall)
        {
            code.push((int)instruction.NextIP32);
        }

        sequence.Hide();
        code.jmp(__dword_ptr.gs[CacheData.Target]);
        sequence.Tick();
        return sequence;
    }

    /// <summary>CLI: a store to the virtual IF.</summary>
    public static Sequence Cli()
    {
        var sequence = new Sequence();
        sequence._code.mov(__dword_ptr.gs[CacheData.If], 0);
        sequence.Count(InstructionClass.Cli);
        sequence._code.nop();
        sequence.Tick();
        return sequence;
    }

    /// <summary>STI: calls out if an interrupt has been waiting for it.</summary>
    public static Sequence Sti()
    {
        var sequence = new Sequence();
        Assembler code = sequence._code;
        Label quiet = code.CreateLabel();
        code.mov(__dword_ptr.gs[CacheData.Ecx], ecx);
        code.mov(ecx, __dword_ptr.gs[CacheData.Waiting]);
        code.jecxz(quiet);
        code.mov(ecx, __dword_ptr.gs[CacheData.Ecx]);
        sequence.Hide();
        sequence.AddCallout();
        code.Label(ref quiet);
        code.mov(ecx, __dword_ptr.gs[CacheData.If]);
        code.mov(__dword_ptr.gs[CacheData.OldIf], ecx);
        sequence.Hide();
        code.mov(__dword_ptr.gs[CacheData.If], (int)Eflags.IF);
        sequence.Count(InstructionClass.Sti);
        code.mov(ecx, __dword_ptr.gs[CacheData.Ecx]);
        sequence.Tick();
        return sequence;
    }

    /// <summary>PUSHFD: IF is really 1 and IOPL 0; the guest's are put in their place on the stack.</summary>
    public static Sequence Pushf()
    {
        var sequence = new Sequence();
        Assembler code = sequence._code;
        code.mov(__dword_ptr.gs[CacheData.Eax], eax);
        code.mov(__dword_ptr.gs[CacheData.Ecx], ecx);
        code.pushfd();
        code.mov(eax, __dword_ptr[esp]);
        sequence.Hide();
        code.mov(ecx, __dword_ptr.gs[CacheData.If]);
        sequence.Count(InstructionClass.Pushf);
        code.lea(eax, __[eax + ecx - (int)Eflags.IF]);
        code.mov(ecx, __dword_ptr.gs[CacheData.Iopl]);
        code.lea(eax, __[eax + ecx]);
        code.mov(__dword_ptr[esp], eax);
        code.mov(ecx, __dword_ptr.gs[CacheData.Ecx]);
        sequence.Hide();
        code.mov(eax, __dword_ptr.gs[CacheData.Eax]);
        sequence.Tick();
        return sequence;
    }

    /// <summary>
    /// POPFD: calls out for TF, for another IOPL, and if it lets in an interrupt that has been waiting. The arithmetic flags may be used: they are its to load.
    /// </summary>
    public static Sequence Popf()
    {
        const int elsewhere = (int)(Eflags.TF | Eflags.IOPL | Eflags.VIF | Eflags.VIP);
        var sequence = new Sequence();
        Assembler code = sequence._code;
        Label monitor = code.CreateLabel();
        Label flags = code.CreateLabel();
        code.mov(__dword_ptr.gs[CacheData.Eax], eax);
        code.mov(eax, __dword_ptr[esp]);
        code.xor(eax, __dword_ptr.gs[CacheData.Iopl]);
        code.test(eax, elsewhere);
        code.jne(monitor);
        code.mov(eax, __dword_ptr[esp]);
        code.and(eax, (int)Eflags.IF);
        code.je(flags);
        code.cmp(__dword_ptr.gs[CacheData.Waiting], 0);
        code.je(flags);
        code.Label(ref monitor);
        code.mov(eax, __dword_ptr.gs[CacheData.Eax]);
        sequence.Hide();
        sequence.AddCallout();
        code.Label(ref flags);
        code.mov(__dword_ptr.gs[CacheData.If], eax);
        sequence.Count(InstructionClass.Popf);
        code.mov(eax, __dword_ptr.gs[CacheData.Eax]);
        sequence.Hide();
        code.popfd();
        sequence.Tick();
        return sequence;
    }

    /// <summary>RDTSC: what the guest's counter is ahead of the processor's is added. Carry is needed for that, so the flags are kept.</summary>
    public static Sequence Rdtsc()
    {
        var sequence = new Sequence();
        Assembler code = sequence._code;
        code.mov(__dword_ptr.gs[CacheData.Ecx], ecx);
        code.lahf();
        code.seto(al);
        code.mov(ecx, eax);
        code.rdtsc();
        code.add(eax, __dword_ptr.gs[CacheData.TimeStampOffset]);
        code.adc(edx, __dword_ptr.gs[CacheData.TimeStampOffset + 4]);
        code.xchg(eax, ecx);
        code.add(al, 0x7F);
        code.sahf();
        sequence.Hide();
        code.mov(eax, ecx);
        sequence.Count(InstructionClass.Rdtsc);
        code.mov(ecx, __dword_ptr.gs[CacheData.Ecx]);
        sequence.Tick();
        return sequence;
    }

    private static Instruction LoadOfTarget(in Instruction instruction)
    {
        Instruction load = instruction;
        load.Code = Code.Mov_r32_rm32;
        load.Op1Kind = instruction.Op0Kind;
        load.Op1Register = instruction.Op0Kind == OpKind.Register ? instruction.Op0Register : Register.None;
        load.Op0Kind = OpKind.Register;
        load.Op0Register = Register.EAX;
        load.HasRepnePrefix = false;
        return load;
    }

    /// <summary>Room for three registers.</summary>
    private void Save()
    {
        _code.mov(__dword_ptr.gs[CacheData.Eax], eax);
        _code.mov(__dword_ptr.gs[CacheData.Ecx], ecx);
        _code.mov(__dword_ptr.gs[CacheData.Edx], edx);
        Hide();
    }

    private void Restore()
    {
        _code.mov(eax, __dword_ptr.gs[CacheData.Eax]);
        _code.mov(ecx, __dword_ptr.gs[CacheData.Ecx]);
        _code.mov(edx, __dword_ptr.gs[CacheData.Edx]);
    }

    private void AddCallout()
    {
        Callout = _code.Instructions.Count;
        _code.ud2();
        Hide();
    }

    private void Add(in Instruction instruction, byte mark)
    {
        _code.AddInstruction(instruction);
        Mark(mark);
    }

    /// <summary>What has been added since takes no tick.</summary>
    private void Hide()
    {
        while (_marks.Count < _code.Instructions.Count)
        {
            _marks.Add(CodeMark.Hidden);
        }
    }

    /// <summary>The same, and the last of it is counted.</summary>
    private void Count(InstructionClass type) => Mark(CodeMark.Counting((int)type));

    /// <summary>The same, but the last of it takes the tick.</summary>
    private void Tick() => Mark(0);

    private void Mark(byte last)
    {
        Hide();
        _marks[^1] = last;
    }

    private sealed class CodeBytes : CodeWriter
    {
        private readonly List<byte> _bytes = [];

        public override void WriteByte(byte value) => _bytes.Add(value);

        public byte[] ToArray() => [.. _bytes];
    }
}
