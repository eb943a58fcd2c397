using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Scenarios;

/// <summary>Labels, data and layout, against NASM's bytes of the same program.</summary>
internal sealed class GuestAssemblerTests
{
    [Test]
    public void Labels_in_operands_of_32_bit_code() => ShouldMatch(
        """
        bits 32
        org 10000h
        start:  mov eax, table
                mov ebx, [table+4]
                mov dword [table+8], end
                lea ecx, [ebx*4+table]
                mov [esi+table-4], al
                push table
                add edx, table
                cmp edi, end
                sub ebp, start
                mov eax, [fs:table]
                lidt [pseudo]
                jmp far [pointer]
                jmp 8:far32
                call 8:far32
        far32:  rep movsd
                jmp near16
                jecxz start
                mov cx, start16
        start16 equ 1234h
        align 8, db 0CCh
        table:  dd table, 1, 2
                dw 5, 6
                db "text", 0
        pseudo: dw 7FFh
                dd table
        pointer: dd far32
                dw 8
        times 200 db 0
        near16: je start
                loop near16
        end:
        """,
        GuestProgramOf(32, 0x10000, a =>
        {
            var table = a.CreateLabel("table");
            var end = a.CreateLabel("end");
            var pseudo = a.CreateLabel("pseudo");
            var pointer = a.CreateLabel("pointer");
            var far32 = a.CreateLabel("far32");
            var distant = a.CreateLabel();
            var start = a.Here("start");
            a.mov(eax, table);
            a.mov(ebx, __dword_ptr[table + 4]);
            a.mov(__dword_ptr[table + 8], end);
            a.lea(ecx, __[ebx * 4 + table]);
            a.mov(__byte_ptr[esi + (table - 4)], al);
            a.push(table);
            a.add(edx, table);
            a.cmp(edi, end);
            a.sub(ebp, start);
            a.mov(eax, __dword_ptr.fs[table]);
            a.lidt(__[pseudo]);
            a.jmp(__fword_ptr[pointer]);
            a.JmpFar32(8, far32);
            a.CallFar32(8, far32);
            a.Label(far32);
            a.rep.movsd();
            a.jmp(distant);
            a.jecxz(start);
            a.mov(cx, 0x1234);
            a.Align(8, 0xCC);
            a.Label(table);
            a.Dd(table);
            a.Dd(1, 2);
            a.Dw(5, 6);
            a.Asciz("text");
            a.Label(pseudo);
            a.PseudoDescriptor(0x7FF, table);
            a.Label(pointer);
            a.FarPointer(8, far32);
            a.Space(200);
            a.Label(distant);
            a.je(start);
            a.loop(distant);
            a.Label(end);
        }));

    [Test]
    public void A_program_of_two_code_sizes() => ShouldMatch(
        """
        bits 16
        org 7C00h
                cli
                lgdt [pseudo]
                mov si, message
                mov al, [si+message]
                mov ax, [message+2]
                mov eax, [ebx+message]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp 8:protected
        message: db "hi", 0
        align 4, db 0
        pseudo: dw 23
                dd gdt
        gdt:    dq 0, 0CF9A000000FFFFh, 0CF92000000FFFFh
        bits 32
        protected:
                mov esi, message
                jz protected
                jmp 8:dword protected
        times 510-($-$$) db 0
                dw 0AA55h
        """,
        GuestProgramOf(16, 0x7C00, a =>
        {
            var message = a.CreateLabel("message");
            var pseudo = a.CreateLabel("pseudo");
            var gdt = a.CreateLabel("gdt");
            var entry = a.CreateLabel("protected");
            a.cli();
            a.lgdt(__[pseudo]);
            a.mov(si, message);
            a.mov(al, __byte_ptr[si + message]);
            a.mov(ax, __word_ptr[message + 2]);
            a.mov(eax, __dword_ptr[ebx + message]);
            a.mov(eax, cr0);
            a.or(al, 1);
            a.mov(cr0, eax);
            a.JmpFar16(8, entry);
            a.Label(message);
            a.Asciz("hi");
            a.Align(4);
            a.Label(pseudo);
            a.PseudoDescriptor(23, gdt);
            a.Label(gdt);
            a.Dq(0);
            a.Descriptor(Descriptor.Segment(0, uint.MaxValue, 0x409A));
            a.Descriptor(Descriptor.Segment(0, uint.MaxValue, 0x4092));
            a.Bits32(b =>
            {
                b.Label(entry);
                b.mov(esi, message);
                b.je(entry);
                b.JmpFar32(8, entry);
            });
            a.Org(0x7C00 + 510);
            a.Dw(0xAA55);
        }));

    [Test]
    public void Fields_of_gates_and_descriptors_take_labels()
    {
        byte[] bytes = GuestProgramOf(32, 0x12345670, a =>
        {
            GuestLabel here = a.Here("here");
            a.Gate(8, here + 8, SystemType.InterruptGate32, 3);
            a.Descriptor(here, Descriptor.Segment(0, 0x67, AccessRights.P | SystemType.AvailableTss32));
        });

        bytes.Should().Equal(0x78, 0x56, 8, 0, 0, 0xEE, 0x34, 0x12, 0x67, 0, 0x70, 0x56, 0x34, 0x89, 0, 0x12);
    }

    [Test]
    public void Anonymous_labels_are_the_nearest()
    {
        byte[] bytes = GuestProgramOf(32, 0x10000, a =>
        {
            a.jmp(a.F);
            a.AnonymousLabel();
            a.jmp(a.B);
            a.jmp(a.F);
            a.AnonymousLabel();
            a.jmp(a.B);
        });

        bytes.Should().Equal(0xEB, 0x00, 0xEB, 0xFE, 0xEB, 0x00, 0xEB, 0xFE);
    }

    [Test]
    public void Flags_and_zeros_choose_their_overloads()
    {
        byte[] bytes = GuestProgramOf(32, 0x10000, a =>
        {
            a.push(0);
            a.mov(eax, 0);
            a.push(Flags.IF | Flags.Fixed);
            a.and(ebx, ~Flags.IF);
        });

        bytes.Should().Equal(0x6A, 0, 0xB8, 0, 0, 0, 0, 0x68, 2, 2, 0, 0, 0x81, 0xE3, 0xFF, 0xFD, 0xFF, 0xFF);
    }

    [Test]
    public void A_mark_covers_an_instruction_or_a_scope()
    {
        GuestImage image = Guest.Protected32(a =>
        {
            a.nop();
            a.Mark("one");
            a.push(0);
            using (a.Mark("scope"))
            {
                a.nop();
                a.popfd();
            }

            a.Mark("named");
            a.nop();
            a.nop();
            a.MarkEnd("named");
            a.Done();
        });

        image.Marks.Should().Equal(
            new GuestMark("one", new LinearAddress(0x10001), new LinearAddress(0x10003)),
            new GuestMark("scope", new LinearAddress(0x10003), new LinearAddress(0x10005)),
            new GuestMark("named", new LinearAddress(0x10005), new LinearAddress(0x10007)));
    }

    [Test]
    public void The_same_script_gives_the_same_digest() =>
        Guest.Protected32(a => a.Done()).Digest.Should().Be(Guest.Protected32(a => a.Done()).Digest);

    [Test]
    public void Code_may_run_elsewhere_than_it_lies()
    {
        GuestImage image = Guest.Protected32(a =>
        {
            a.Org(0x400000, 0x20000);
            a.Here("high");
            a.Mark("mark");
            a.nop();
        });

        image.Marks.Should().Equal(new GuestMark("mark", new LinearAddress(0x400000), new LinearAddress(0x400001)));
        image.Code.Should().Equal(new GuestCode(new LinearAddress(0x400000), new PhysicalAddress(0x20000), 1, 32));
    }

    // What the assembler made, without the tables behind it.
    private static byte[] GuestProgramOf(int bits, uint origin, Action<GuestAssembler> body)
    {
        var options = new GuestOptions { Origin = origin, MemoryBytes = 0x20000000 };
        GuestImage image = bits == 16 ? Guest.Real16(options, body) : Guest.Protected32(options, body);
        GuestBytes[] parts = [.. image.Contents.Where(c => c.Address.Value >= origin)];
        var bytes = new byte[(int)(parts[^1].Address.Value - origin) + parts[^1].Bytes.Length];
        foreach (GuestBytes part in parts)
        {
            part.Bytes.Span.CopyTo(bytes.AsSpan((int)(part.Address.Value - origin)));
        }

        return bytes;
    }

    private static void ShouldMatch(string source, byte[] bytes) => Convert.ToHexString(bytes).Should().Be(Convert.ToHexString(Nasm.Assemble(source).Binary));
}
