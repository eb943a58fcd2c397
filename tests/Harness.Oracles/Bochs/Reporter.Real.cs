using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs;

// The parts of the reporter that run in real mode: reset, entry to a case, arrival from one.
internal static partial class Reporter
{
    // Reset: to protected mode and the reporter. Real-mode arrival: the same, after saving what only real mode can tell.
    private static ulong EmitReporter16(byte[] rom, uint fromReal)
    {
        var reset = new Assembler(16);
        reset.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_ptr1616, 0xF000, Layout.Reporter16));
        Place(rom, reset, Layout.Reset);
        var a = new Assembler(16);
        Label handler = a.CreateLabel();
        a.cli();
        EmitToProtected(a, Layout.Reporter32);
        a.Label(ref handler);
        a.push(ds);
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Push_imm16, Layout.Arrival >> 4));
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Popw_DS, Iced.Intel.Register.DS));
        foreach ((Register slot, AssemblerRegister32 name) in General)
        {
            a.mov(__dword_ptr[RealSaved(slot)], name);
        }

        a.pushfd();
        a.pop(__dword_ptr[RealSaved(Register.Eflags)]);
        a.mov(__dword_ptr[RealSaved(Register.Ds)], 0);
        a.pop(__word_ptr[RealSaved(Register.Ds)]);
        a.mov(__dword_ptr[Layout.ArrivalVector - Layout.Arrival], 0);
        a.pop(__word_ptr[Layout.ArrivalVector - Layout.Arrival]);
        a.mov(__dword_ptr[RealSaved(Register.Esp)], esp);
        a.xor(eax, eax);
        foreach ((Register slot, AssemblerRegisterSegment name) in Segments)
        {
            a.mov(ax, name);
            a.mov(__dword_ptr[RealSaved(slot)], eax);
        }

        a.mov(eax, cr0);
        a.mov(__dword_ptr[RealSaved(Register.Cr0)], eax);
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Sgdt_m1632, Memory16(RealSaved(Register.GdtLimit) + 2)));
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Sidt_m1632, Memory16(RealSaved(Register.IdtLimit) + 2)));
        EmitToProtected(a, fromReal, loadData: true);
        var stream = new MemoryStream();
        AssemblerResult result = a.Assemble(new StreamCodeWriter(stream), Layout.Reporter16, BlockEncoderOptions.ReturnNewInstructionOffsets);
        stream.ToArray().CopyTo(rom, Layout.Reporter16);
        return result.GetLabelRIP(handler);
    }

    private static MemoryOperand Memory16(int displacement, Iced.Intel.Register segment = Iced.Intel.Register.None) =>
        new(Iced.Intel.Register.None, Iced.Intel.Register.None, 1, displacement, 2, false, segment);

    private static void EmitToProtected(Assembler a, uint target, bool loadData = false)
    {
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Lgdt_m1632, Memory16(Layout.ReporterGdtPointer, Iced.Intel.Register.CS)));
        a.mov(eax, 0x11);
        a.mov(cr0, eax);
        if (loadData)
        {
            a.mov(ax, Layout.ReporterData);
            a.mov(ds, ax);
        }

        a.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_ptr1632, Layout.ReporterCode, target));
    }

    // Runs in the 16-bit segment at the ROM's base: real-mode limits first, then PE=0, then the frame on the case's own stack.
    private static void EmitEnterReal(byte[] rom)
    {
        var a = new Assembler(16);
        Label real = a.CreateLabel();
        a.mov(ax, Layout.ReporterData16);
        foreach (AssemblerRegisterSegment one in new[] { ds, es, fs, gs, ss })
        {
            a.mov(one, ax);
        }

        a.mov(eax, Real(Register.Cr0));
        a.mov(cr0, eax);
        Encode(rom, a, Layout.EnterReal, out int length);
        int entered = Layout.EnterReal + length + 5;
        var jump = new Assembler(16);
        jump.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_ptr1616, 0xF000, (uint)entered));
        Place(rom, jump, Layout.EnterReal + length);

        var b = new Assembler(16);
        b.xor(ax, ax);
        b.mov(ds, ax);
        b.mov(eax, Real(Register.Dr7));
        b.mov(dr7, eax);
        b.mov(ss, __word_ptr[StateAddress(Register.Ss)]);
        b.mov(esp, Real(Register.Esp));
        b.push(Real(Register.Eflags));
        b.push(Real(Register.Cs));
        b.push(Real(Register.Eip));
        b.mov(es, __word_ptr[StateAddress(Register.Es)]);
        b.mov(fs, __word_ptr[StateAddress(Register.Fs)]);
        b.mov(gs, __word_ptr[StateAddress(Register.Gs)]);
        foreach ((Register slot, AssemblerRegister32 name) in General)
        {
            b.mov(name, Real(slot));
        }

        b.mov(ds, __word_ptr[StateAddress(Register.Ds)]);
        b.iretd();
        Place(rom, b, entered);
    }
}
