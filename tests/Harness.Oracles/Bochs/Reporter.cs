using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs;

/// <summary>
/// The program in every image. For each case it restores memory, loads the state block, enters the case by IRET, and on whatever exception or
/// interrupt arrives writes one line to port E9: index, vector, the registers that differ from the state block, the dwords of the live region
/// that changed. After the last case it writes END, asks for shutdown (port 8900, understood by Bochs) and halts with IF=0.
/// </summary>
internal static partial class Reporter
{
    private const byte ConsolePort = 0xE9;
    private const ushort ShutdownPort = 0x8900;

    public static void Emit(byte[] rom, int comparedRegisters)
    {
        (ulong handler, ulong handOver, ulong fromReal) = EmitReporter32(rom, comparedRegisters);
        ulong handler16 = EmitReporter16(rom, (uint)fromReal);
        EmitEnterReal(rom);
        EmitStubs(rom, handler, handOver, handler16);
    }

    private static void EmitStubs(byte[] rom, ulong handler, ulong handOver, ulong handler16)
    {
        for (int vector = 0; vector < Layout.StubCount; vector++)
        {
            var wide = new Assembler(32);
            wide.AddInstruction(Instruction.Create(Iced.Intel.Code.Pushd_imm8, vector));
            wide.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_rel32_32, handler));
            Place(rom, wide, Layout.Stub32(vector));
            var real = new Assembler(16);
            real.AddInstruction(Instruction.Create(Iced.Intel.Code.Pushw_imm8, vector));
            real.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_rel16, handler16));
            Place(rom, real, Layout.Stub16(vector));
        }

        for (int vector = 0; vector < 256; vector++)
        {
            rom[Layout.RedirectedStub(vector)] = 0x0F;
            rom[Layout.RedirectedStub(vector) + 1] = 0x0B;
        }

        var last = new Assembler(32);
        last.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_rel32_32, handOver));
        Place(rom, last, Layout.Stub32(Layout.StubCount));
    }

    private static (ulong Handler, ulong HandOver, ulong FromReal) EmitReporter32(byte[] rom, int comparedRegisters)
    {
        var a = new Assembler(32);
        Label handler = a.CreateLabel(), handOver = a.CreateLabel(), fromReal = a.CreateLabel(), next = a.CreateLabel();
        Label patch = a.CreateLabel(), done = a.CreateLabel();
        EmitStart(a, patch);
        a.Label(ref next);
        EmitPrepare(a, patch, done);
        EmitEnter(a);
        a.Label(ref handler);
        EmitSaveGeneral(a);
        a.mov(eax, cs);
        a.test(al, 3);
        a.je(handOver);
        a.@int(unchecked((sbyte)Layout.HandOverVector));
        a.Label(ref handOver);
        a.mov(eax, cr0);
        a.mov(Saved(Register.Cr0), eax);
        a.sgdt(__fword_ptr[Layout.Arrival + (int)Register.GdtLimit * 4 + 2]);
        a.sidt(__fword_ptr[Layout.Arrival + (int)Register.IdtLimit * 4 + 2]);
        a.Label(ref fromReal);
        EmitSaveSystem(a);
        EmitReport(a, comparedRegisters, next);
        EmitPatch(a, patch);
        a.Label(ref done);
        EmitDone(a);

        var stream = new MemoryStream();
        AssemblerResult result = a.Assemble(new StreamCodeWriter(stream), Layout.Reporter32, BlockEncoderOptions.ReturnNewInstructionOffsets);
        stream.ToArray().CopyTo(rom, Layout.Reporter32);
        return (result.GetLabelRIP(handler), result.GetLabelRIP(handOver), result.GetLabelRIP(fromReal));
    }

    private static void EmitStart(Assembler a, Label patch)
    {
        a.mov(eax, Layout.ReporterData);
        a.mov(ds, eax);
        a.mov(es, eax);
        a.mov(eax, Layout.ReporterStackSegment);
        a.mov(ss, eax);
        a.mov(esp, Layout.ReporterStack);
        a.cld();
        a.xor(edi, edi);
        a.xor(eax, eax);
        a.mov(ecx, Layout.ImageSize / 4);
        a.rep.stosd();
        a.mov(esi, Layout.Rom + Layout.CaseStream);
        a.call(patch);
        a.mov(__dword_ptr[Layout.Cursor], esi);
        a.xor(esi, esi);
        a.mov(edi, Layout.BaseCopy);
        a.mov(ecx, Layout.ImageSize / 4);
        a.rep.movsd();
        a.mov(__dword_ptr[Layout.Index], 0);
    }

    private static void EmitPrepare(Assembler a, Label patch, Label done)
    {
        Label noEfer = a.CreateLabel();
        a.mov(eax, __dword_ptr[Layout.Index]);
        a.cmp(eax, __dword_ptr[Layout.Rom]);
        a.jae(done);
        a.mov(esi, Layout.BaseCopy);
        a.xor(edi, edi);
        a.mov(ecx, Layout.ImageSize / 4);
        a.rep.movsd();
        a.mov(esi, __dword_ptr[Layout.Cursor]);
        a.call(patch);
        a.mov(__dword_ptr[Layout.Cursor], esi);
        a.lgdt(__fword_ptr[StateAddress(Register.GdtLimit) + 2]);
        a.lidt(__fword_ptr[StateAddress(Register.IdtLimit) + 2]);
        a.mov(eax, Wanted(Register.Ldtr));
        a.lldt(ax);
        a.mov(eax, Wanted(Register.Tr));
        a.ltr(ax);
        a.xor(esi, esi);
        a.mov(edi, Layout.Snapshot);
        a.mov(ecx, Layout.LiveSize / 4);
        a.rep.movsd();
        a.mov(eax, Wanted(Register.Cr3));
        a.mov(cr3, eax);
        a.mov(eax, Wanted(Register.Cr4));
        a.mov(cr4, eax);
        a.mov(eax, Wanted(Register.Efer));
        a.test(eax, eax);
        a.je(noEfer);
        EmitWriteEfer(a);
        a.Label(ref noEfer);
        a.xor(eax, eax);
        a.mov(cr2, eax);
        foreach ((Register wanted, AssemblerRegisterDR target) in new[] { (Register.Dr0, dr0), (Register.Dr1, dr1), (Register.Dr2, dr2), (Register.Dr3, dr3), (Register.Dr6, dr6) })
        {
            a.mov(eax, Wanted(wanted));
            a.mov(target, eax);
        }
    }

    // EAX: the low half; the high half is always zero.
    private static void EmitWriteEfer(Assembler a)
    {
        a.mov(ecx, unchecked((int)0xC0000080));
        a.xor(edx, edx);
        a.wrmsr();
    }

    private static void EmitEnter(Assembler a)
    {
        Label outer = a.CreateLabel(), virtual8086 = a.CreateLabel(), frame = a.CreateLabel(), isProtected = a.CreateLabel();
        a.mov(eax, Wanted(Register.Cr0));
        a.test(al, 1);
        a.jne(isProtected);
        a.AddInstruction(Instruction.CreateBranch(Iced.Intel.Code.Jmp_ptr1632, Layout.ReporterCode16, Layout.EnterReal));
        a.Label(ref isProtected);
        a.mov(cr0, eax);
        a.mov(eax, Wanted(Register.Dr7));
        a.mov(dr7, eax);
        foreach ((Register wanted, int slot) in new[] { (Register.Ds, Layout.EntryData), (Register.Es, Layout.EntryExtra), (Register.Fs, Layout.EntryF), (Register.Gs, Layout.EntryG) })
        {
            a.mov(eax, Wanted(wanted));
            a.mov(__dword_ptr[slot], eax);
        }

        a.test(Wanted(Register.Eflags), 0x20000);
        a.jne(virtual8086);
        a.test(Wanted(Register.Cs), 3);
        a.jne(outer);
        a.mov(eax, Wanted(Register.Ss));
        a.mov(ss, eax);
        a.mov(esp, Wanted(Register.Esp));
        a.jmp(frame);
        a.Label(ref virtual8086);
        foreach ((Register wanted, int slot) in new[] { (Register.Gs, Layout.EntryG), (Register.Fs, Layout.EntryF), (Register.Ds, Layout.EntryData), (Register.Es, Layout.EntryExtra) })
        {
            a.push(Wanted(wanted));
            a.mov(__dword_ptr[slot], 0);
        }

        a.Label(ref outer);
        a.push(Wanted(Register.Ss));
        a.push(Wanted(Register.Esp));
        a.Label(ref frame);
        a.push(Wanted(Register.Eflags));
        a.push(Wanted(Register.Cs));
        a.push(Wanted(Register.Eip));
        a.mov(es, __word_ptr[Layout.EntryExtra]);
        a.mov(fs, __word_ptr[Layout.EntryF]);
        a.mov(gs, __word_ptr[Layout.EntryG]);
        EmitLoadGeneral(a);
        a.mov(ds, __word_ptr[Layout.EntryData]);
        a.iretd();
    }

    private static readonly (Register Slot, AssemblerRegister32 Name)[] General =
    [
        (Register.Eax, eax), (Register.Ecx, ecx), (Register.Edx, edx), (Register.Ebx, ebx), (Register.Ebp, ebp), (Register.Esi, esi), (Register.Edi, edi),
    ];

    private static readonly (Register Slot, AssemblerRegisterSegment Name)[] Segments = [(Register.Es, es), (Register.Cs, cs), (Register.Ss, ss), (Register.Fs, fs), (Register.Gs, gs)];

    private static void EmitLoadGeneral(Assembler a)
    {
        foreach ((Register slot, AssemblerRegister32 name) in General)
        {
            a.mov(name, Wanted(slot));
        }
    }

    // Only two stack slots below the frame are touched, by a vector that is known and a selector that is reported anyway.
    private static void EmitSaveGeneral(Assembler a)
    {
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Pushw_DS, Iced.Intel.Register.DS));
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Pushd_imm8, Layout.ReporterData));
        a.AddInstruction(Instruction.Create(Iced.Intel.Code.Popd_DS, Iced.Intel.Register.DS));
        foreach ((Register slot, AssemblerRegister32 name) in General)
        {
            a.mov(Saved(slot), name);
        }

        a.pushfd();
        a.pop(Saved(Register.Eflags));
        a.mov(Saved(Register.Ds), 0);
        a.pop(__word_ptr[SavedAddress(Register.Ds)]);
        a.pop(__dword_ptr[Layout.ArrivalVector]);
        a.mov(Saved(Register.Esp), esp);
        foreach ((Register slot, AssemblerRegisterSegment name) in Segments)
        {
            a.mov(eax, name);
            a.mov(Saved(slot), eax);
        }

        // The upper half of ESP means nothing while SS is a 16-bit segment.
        Label wide = a.CreateLabel();
        a.mov(eax, ss);
        a.lar(eax, eax);
        a.test(eax, 1 << 22);
        a.jne(wide);
        a.mov(__word_ptr[SavedAddress(Register.Esp) + 2], 0);
        a.Label(ref wide);
    }

    private static void EmitSaveSystem(Assembler a)
    {
        Label noEfer = a.CreateLabel();
        a.mov(eax, Layout.ReporterStackSegment);
        a.mov(ss, eax);
        a.mov(esp, Layout.ReporterStack);
        a.push(2);
        a.popfd();
        a.mov(eax, dr7);
        a.mov(Saved(Register.Dr7), eax);
        a.mov(eax, 0x400);
        a.mov(dr7, eax);
        foreach ((Register slot, AssemblerRegisterDR source) in new[] { (Register.Dr0, dr0), (Register.Dr1, dr1), (Register.Dr2, dr2), (Register.Dr3, dr3), (Register.Dr6, dr6) })
        {
            a.mov(eax, source);
            a.mov(Saved(slot), eax);
        }

        foreach ((Register slot, AssemblerRegisterCR source) in new[] { (Register.Cr2, cr2), (Register.Cr3, cr3), (Register.Cr4, cr4) })
        {
            a.mov(eax, source);
            a.mov(Saved(slot), eax);
        }

        a.xor(eax, eax);
        a.sldt(ax);
        a.mov(Saved(Register.Ldtr), eax);
        a.str(ax);
        a.mov(Saved(Register.Tr), eax);
        a.mov(eax, 0x11);
        a.mov(cr0, eax);
        a.xor(eax, eax);
        a.mov(cr4, eax);
        a.mov(cr3, eax);
        a.cmp(Wanted(Register.Efer), 0);
        a.je(noEfer);
        EmitWriteEfer(a);
        a.Label(ref noEfer);
        a.lgdt(__fword_ptr[Layout.Rom + Layout.ReporterGdtPointer]);
        a.mov(eax, Layout.ReporterData);
        a.mov(es, eax);
        a.mov(ds, eax);
        a.xor(eax, eax);
        a.lldt(ax);
    }

    private static void EmitReport(Assembler a, int comparedRegisters, Label next)
    {
        Label hex = a.CreateLabel(), text = a.CreateLabel(), registers = a.CreateLabel(), same = a.CreateLabel(), memory = a.CreateLabel(), end = a.CreateLabel(), changed = a.CreateLabel();
        a.mov(eax, __dword_ptr[Layout.Index]);
        a.call(hex);
        a.mov(al, (byte)' ');
        a.@out(ConsolePort, al);
        a.mov(eax, __dword_ptr[Layout.ArrivalVector]);
        a.call(hex);
        a.xor(ebx, ebx);
        a.Label(ref registers);
        a.mov(eax, __dword_ptr[ebx * 4 + Layout.Arrival]);
        a.cmp(eax, __dword_ptr[ebx * 4 + Layout.State]);
        a.je(same);
        a.lea(esi, __[ebx * 4 + (Layout.Rom + Layout.NameTable)]);
        a.call(text);
        a.mov(al, (byte)'=');
        a.@out(ConsolePort, al);
        a.mov(eax, __dword_ptr[ebx * 4 + Layout.Arrival]);
        a.call(hex);
        a.Label(ref same);
        a.inc(ebx);
        a.cmp(ebx, comparedRegisters);
        a.jb(registers);
        a.xor(esi, esi);
        a.mov(edi, Layout.Snapshot);
        a.mov(ecx, Layout.LiveSize / 4);
        a.Label(ref memory);
        a.repe.cmpsd();
        a.jne(changed);
        a.jmp(end);
        a.Label(ref changed);
        a.mov(al, (byte)' ');
        a.@out(ConsolePort, al);
        a.lea(eax, __[esi - 4]);
        a.call(hex);
        a.mov(al, (byte)':');
        a.@out(ConsolePort, al);
        a.mov(eax, __dword_ptr[esi - 4]);
        a.call(hex);
        a.test(ecx, ecx);
        a.jne(memory);
        a.Label(ref end);
        a.mov(al, (byte)'\n');
        a.@out(ConsolePort, al);
        a.inc(__dword_ptr[Layout.Index]);
        a.jmp(next);
        EmitHex(a, hex);
        EmitText(a, text);
    }

    // EAX as hexadecimal without leading zeros; EDX and EBP are free.
    private static void EmitHex(Assembler a, Label hex)
    {
        Label digit = a.CreateLabel(), skip = a.CreateLabel(), print = a.CreateLabel(), put = a.CreateLabel();
        a.Label(ref hex);
        a.push(ecx);
        a.push(ebx);
        a.mov(edx, eax);
        a.mov(ecx, 8);
        a.xor(ebx, ebx);
        a.Label(ref digit);
        a.rol(edx, 4);
        a.mov(al, dl);
        a.and(al, 15);
        a.or(bl, al);
        a.jne(print);
        a.cmp(ecx, 1);
        a.jne(skip);
        a.Label(ref print);
        a.add(al, (byte)'0');
        a.cmp(al, (byte)('9' + 1));
        a.jb(put);
        a.add(al, (byte)('a' - '0' - 10));
        a.Label(ref put);
        a.@out(ConsolePort, al);
        a.Label(ref skip);
        a.dec(ecx);
        a.jne(digit);
        a.pop(ebx);
        a.pop(ecx);
        a.ret();
    }

    // A space and up to four characters from ESI.
    private static void EmitText(Assembler a, Label text)
    {
        Label more = a.CreateLabel(), stop = a.CreateLabel();
        a.Label(ref text);
        a.mov(al, (byte)' ');
        a.mov(ecx, 5);
        a.Label(ref more);
        a.@out(ConsolePort, al);
        a.lodsb();
        a.test(al, al);
        a.je(stop);
        a.dec(ecx);
        a.jne(more);
        a.Label(ref stop);
        a.ret();
    }

    private static void EmitPatch(Assembler a, Label patch)
    {
        Label run = a.CreateLabel();
        a.Label(ref patch);
        a.xor(ecx, ecx);
        a.Label(ref run);
        a.movzx(edi, __word_ptr[esi]);
        a.mov(cl, __byte_ptr[esi + 2]);
        a.add(esi, 3);
        a.mov(eax, ecx);
        a.rep.movsb();
        a.test(eax, eax);
        a.jne(run);
        a.ret();
    }

    private static void EmitDone(Assembler a)
    {
        foreach (char one in "END\n")
        {
            a.mov(al, (byte)one);
            a.@out(ConsolePort, al);
        }

        a.mov(edx, ShutdownPort);
        foreach (char one in "Shutdown")
        {
            a.mov(al, (byte)one);
            a.@out(dx, al);
        }

        a.cli();
        a.hlt();
    }

    private static void Place(byte[] rom, Assembler a, int at) => Encode(rom, a, at, out _);

    private static void Encode(byte[] rom, Assembler a, int at, out int length)
    {
        var stream = new MemoryStream();
        a.Assemble(new StreamCodeWriter(stream), (ulong)at);
        length = (int)stream.Length;
        stream.ToArray().CopyTo(rom, at);
    }

    private static int StateAddress(Register register) => Layout.State + (int)register * 4;

    private static int SavedAddress(Register register) => Layout.Arrival + (int)register * 4;

    private static int RealSaved(Register register) => (int)register * 4;

    private static AssemblerMemoryOperand Wanted(Register register) => __dword_ptr[StateAddress(register)];

    private static AssemblerMemoryOperand Saved(Register register) => __dword_ptr[SavedAddress(register)];

    private static AssemblerMemoryOperand Real(Register register) => __dword_ptr[StateAddress(register)];
}
