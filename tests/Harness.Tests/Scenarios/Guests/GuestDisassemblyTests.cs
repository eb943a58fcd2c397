using FluentAssertions;
using Harness.Machine;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Scenarios;

/// <summary>The text of a guest's code.</summary>
internal sealed class GuestDisassemblyTests
{
    [Test]
    public void Lines_have_address_bytes_text_and_marks()
    {
        GuestImage image = Guest.Protected32(a =>
        {
            var table = a.CreateLabel("table");
            a.push(Flags.IF | Flags.Fixed);
            a.Mark("popf");
            a.popfd();
            a.mov(eax, __dword_ptr[table]);
            a.jmp(a.Here("self"));
            a.JmpFar32(Selectors.Code0, table);
            a.Done();
            a.Label(table);
            a.Dd(0x90909090);
            a.Bits16(b => b.mov(ax, 0x1234));
        });

        string.Join("\n", GuestDisassembly.Lines(image)).Should().Be(
            """
            00010000  6802020000                push 202h
            00010005  9D                        popfd                             ; popf
            00010006  A116000100                mov eax, [10016h]
            0001000B  EBFE                      jmp 1000Bh
            0001000D  EA160001000800            jmp far 10016h, 8
            00010014  E6F4                      out 0F4h, al

            0001001A  B83412                    mov ax, 1234h
            """);
    }

    [Test]
    public void Bytes_that_are_no_instruction_are_shown()
    {
        GuestImage image = Guest.FromBytes([0x90, 0xFF, 0xFF, 0x0F], 0x10000, EntryMode.Protected);

        GuestDisassembly.Lines(image).Should().Equal(
            "00010000  90                        nop",
            "00010001  FFFF                      (bad)",
            "00010003  0F                        (bad)");
    }
}
