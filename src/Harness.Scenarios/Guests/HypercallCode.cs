using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>
/// What stands for a sensitive instruction in a kernel that is built against hypercalls. As the instruction, it changes neither flags nor registers that the
/// instruction leaves alone; it needs a stack. One instruction gives one part of the program, so that marks mean the same.
/// </summary>
internal static class HypercallCode
{
    private const uint Shared = GuestLayout.Shared;

    /// <summary>Stands for an address: more than a sign-extended byte.</summary>
    private const int FullField = 0x7FFF;

    /// <summary>The bytes for an instruction of the kernel, or null: it may stand. <paramref name="next"/>: the one that follows, which STI takes with it.</summary>
    /// <exception cref="SensitiveInstructionException">It is sensitive, and no hypercall does the same.</exception>
    public static byte[]? For(in Instruction instruction, in Instruction next, out bool takesNext)
    {
        takesNext = instruction.Mnemonic == Mnemonic.Sti && next.Mnemonic is Mnemonic.Hlt or Mnemonic.Cli or Mnemonic.Popfd or Mnemonic.Iretd;
        if (!IsSensitive(instruction))
        {
            return null;
        }

        var a = new Assembler(32);

        // In the shadow of STI nothing arrives, so what gives IF another value alone counts; only HLT needs to know.
        bool alone = takesNext && next.Mnemonic != Mnemonic.Hlt;
        if (!TryEmit(a, alone ? next : instruction, takesNext && !alone))
        {
            throw new SensitiveInstructionException(instruction);
        }

        using var bytes = new MemoryStream();
        a.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();
    }

    /// <summary>Calls the monitor with arguments that are known when the guest is built; EAX is the result.</summary>
    public static void Call(Assembler a, Hypercall call, uint ebx, uint ecx = 0)
    {
        a.mov(AssemblerRegisters.ebx, ebx);
        a.mov(AssemblerRegisters.ecx, ecx);
        Call(a, call);
    }

    /// <summary>Calls the monitor with the arguments in place.</summary>
    public static void Call(Assembler a, Hypercall call)
    {
        a.mov(eax, (uint)call);
        a.@int(ParavirtInterface.Vector);
    }

    /// <summary>
    /// INT n of the kernel itself at a direct vector: its gate would push the processor's IF, 1, in place of the virtual one. The frame is the one that a gate of ring 0
    /// pushes, with the address behind the code; TF and NT are clear behind it (SDM Vol. 3A, 6.12.1.3); the handler's first instruction masks.
    /// <paramref name="handler"/>: where in the code its address belongs.
    /// </summary>
    public static byte[] SoftwareInterrupt(out int handler)
    {
        var a = new Assembler(32);
        Label enter = a.CreateLabel();
        Label last = a.CreateLabel();
        EmitPushFlags(a);
        a.push((int)Selectors.Code0);
        a.jmp(last);
        a.Label(ref enter);
        a.pushfd();
        a.and(__dword_ptr[esp], ~(int)(Eflags.TF | Eflags.NT));
        a.popfd();
        a.push(FullField);
        a.ret();
        a.Label(ref last);
        a.call(enter);
        using var bytes = new MemoryStream();
        a.Assemble(new StreamCodeWriter(bytes), 0);
        byte[] code = bytes.ToArray();
        const int RetAndCall = 1 + 5;
        handler = code.Length - RetAndCall - sizeof(uint);
        return code;
    }

    private static bool TryEmit(Assembler a, in Instruction instruction, bool thenHalts)
    {
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Cli:
                EmitMask(a);
                return true;
            case Mnemonic.Sti when thenHalts:
                EmitBlock(a, accepts: 1);
                return true;
            case Mnemonic.Sti:
                a.mov(__byte_ptr[Shared + ParavirtInterface.Masked], 0);
                a.pushfd();
                EmitDeliver(a);
                a.popfd();
                return true;
            case Mnemonic.Hlt:
                EmitBlock(a, accepts: 0);
                return true;
            case Mnemonic.Pushfd:
                EmitPushFlags(a);
                return true;
            case Mnemonic.Popfd:
                EmitPopFlags(a);
                return true;
            case Mnemonic.Iretd:
                a.push(eax);
                Call(a, Hypercall.InterruptReturn);
                return true;
            case Mnemonic.In:
                EmitPort(a, instruction, instruction.Op0Register, 1, Hypercall.PortIn);
                return true;
            case Mnemonic.Out:
                EmitPort(a, instruction, instruction.Op1Register, 0, Hypercall.PortOut);
                return true;
            case Mnemonic.Invlpg when instruction.MemoryBase == Register.None && instruction.MemoryIndex == Register.None:
                uint address = instruction.MemoryDisplacement32;
                EmitWith(a, Hypercall.Invalidate, () => a.mov(ebx, address));
                return true;
            case Mnemonic.Invlpg when instruction.MemoryBase.IsGPR32() && instruction.MemoryBase != Register.ESP && instruction.MemoryIndex == Register.None:
                int displacement = (int)instruction.MemoryDisplacement32;
                var @base = new AssemblerRegister32(instruction.MemoryBase);
                EmitWith(a, Hypercall.Invalidate, () => a.lea(ebx, __[@base + displacement]));
                return true;
            case Mnemonic.Mov when instruction.Op0Register == Register.CR3 && instruction.Op1Register != Register.ESP:
                var source = new AssemblerRegister32(instruction.Op1Register);
                EmitWith(a, Hypercall.LoadDirectory, () => a.mov(ebx, source));
                return true;
            case Mnemonic.Mov when instruction.Op1Register is Register.CR2 or Register.CR3:
                uint offset = instruction.Op1Register == Register.CR2 ? ParavirtInterface.Cr2 : ParavirtInterface.Cr3;
                a.mov(new AssemblerRegister32(instruction.Op0Register), __dword_ptr[Shared + offset]);
                return true;
            default:
                return false;
        }
    }

    private static void EmitMask(Assembler a) => a.mov(__byte_ptr[Shared + ParavirtInterface.Masked], 1);

    private static void EmitWith(Assembler a, Hypercall call, Action loadEbx)
    {
        a.push(eax);
        a.push(ebx);
        loadEbx();
        Call(a, call);
        a.pop(ebx);
        a.pop(eax);
    }

    private static void EmitBlock(Assembler a, uint accepts) => EmitWith(a, Hypercall.Block, () => a.mov(ebx, accepts));

    /// <summary>Asks for what waits, if something does. Changes flags.</summary>
    private static void EmitDeliver(Assembler a)
    {
        Label nothing = a.CreateLabel();
        a.cmp(__byte_ptr[Shared + ParavirtInterface.Pending], 0);
        a.je(nothing);
        a.push(eax);
        Call(a, Hypercall.Deliver);
        a.pop(eax);
        a.Label(ref nothing);
        a.nop();
    }

    /// <summary>The flags with the virtual IF in place of the processor's.</summary>
    private static void EmitPushFlags(Assembler a)
    {
        Label masked = a.CreateLabel();
        a.pushfd();
        a.pushfd();
        a.and(__dword_ptr[esp + 4], ~Eflags.IF);
        a.cmp(__byte_ptr[Shared + ParavirtInterface.Masked], 0);
        a.jne(masked);
        a.or(__dword_ptr[esp + 4], Eflags.IF);
        a.Label(ref masked);
        a.popfd();
    }

    private static void EmitPopFlags(Assembler a)
    {
        Label off = a.CreateLabel();
        Label done = a.CreateLabel();
        a.test(__dword_ptr[esp], Eflags.IF);
        a.je(off);
        a.mov(__byte_ptr[Shared + ParavirtInterface.Masked], 0);
        EmitDeliver(a);
        a.jmp(done);
        a.Label(ref off);
        a.mov(__byte_ptr[Shared + ParavirtInterface.Masked], 1);
        a.Label(ref done);
        a.popfd();
    }

    /// <summary>Keeps every register but, for IN, EAX.</summary>
    private static void EmitPort(Assembler a, in Instruction instruction, Register data, int operand, Hypercall call)
    {
        uint size = (uint)data.GetSize() << 16;
        bool isFixed = instruction.GetOpKind(operand) == OpKind.Immediate8;
        byte port = isFixed ? instruction.Immediate8 : (byte)0;
        if (call == Hypercall.PortOut)
        {
            a.push(eax);
        }

        a.push(ebx);
        a.push(ecx);
        if (isFixed)
        {
            a.mov(ebx, port | size);
        }
        else
        {
            a.movzx(ebx, dx);
            a.lea(ebx, __[ebx + (int)size]);
        }

        a.mov(ecx, eax);
        Call(a, call);
        a.pop(ecx);
        a.pop(ebx);
        if (call == Hypercall.PortOut)
        {
            a.pop(eax);
        }
    }

    /// <summary>What does not do in ring 1 what it does in ring 0: by privilege, or without a trap.</summary>
    private static bool IsSensitive(in Instruction instruction) =>
        instruction.IsPrivileged || instruction.Mnemonic is Mnemonic.Cli or Mnemonic.Sti or Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Popf or Mnemonic.Popfd
            or Mnemonic.Iret or Mnemonic.Iretd or Mnemonic.Retf or Mnemonic.In or Mnemonic.Out
            or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd
            or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw or Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw
            or Mnemonic.Rdtsc or Mnemonic.Rdpmc or Mnemonic.Cpuid or Mnemonic.Sysenter or Mnemonic.Lss
        || instruction.IsJmpFar || instruction.IsCallFar || instruction.IsJmpFarIndirect || instruction.IsCallFarIndirect
        || UsesCodeOrStackSegment(instruction);

    private static bool UsesCodeOrStackSegment(in Instruction instruction) =>
        instruction.Op0Register is Register.CS or Register.SS || instruction.Op1Register is Register.CS or Register.SS;
}

/// <summary>A kernel's body holds what no hypercall stands for: there is no image of the guest against hypercalls.</summary>
internal sealed class SensitiveInstructionException : Exception
{
    public SensitiveInstructionException(in Instruction instruction)
        : this($"the kernel executes '{instruction}', for which there is no hypercall")
    {
    }

    public SensitiveInstructionException(string reason)
        : base(reason)
    {
    }
}
