using System.Buffers.Binary;
using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using NUnit.Framework;

namespace Harness.Tests.Scenarios;

/// <summary>Guests from bytes and files, well made and not.</summary>
internal sealed class GuestFileTests
{
    // MOV EAX, 5; OUT F4h, AL
    private static readonly byte[] Program = [0xB8, 5, 0, 0, 0, 0xE6, 0xF4];

    private string _directory = "";

    [SetUp]
    public void CreateDirectory() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void DeleteDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Bytes_run_in_protected_mode()
    {
        using var run = new GuestRun(Guest.FromBytes(Program, 0x20000, EntryMode.Protected));

        run.Value.Should().Be(5);
    }

    [TestCase(0x500u)]
    [TestCase(0x20004u)]
    public void Bytes_run_in_real_mode(uint address)
    {
        using var run = new GuestRun(Guest.FromBytes([0xB8, 6, 0, 0xE6, 0xF4], address, EntryMode.Real));

        run.Value.Should().Be(6);
    }

    [Test]
    public void A_file_gets_the_memory_that_it_needs()
    {
        GuestImage image = Guest.FromFile(Write("kernel.bin", Program), 0x300000, EntryMode.Protected);

        image.Name.Should().Be("kernel");
        image.MemoryBytes.Should().Be(0x310000);
    }

    [Test]
    public void A_missing_file_is_named() =>
        Build(() => Guest.FromFile(Path.Combine(_directory, "none"), 0, EntryMode.Real))
            .Should().Throw<GuestBuildException>().WithMessage("*none: a guest file was expected*");

    [Test]
    public void A_file_past_the_address_space() =>
        Build(() => Guest.FromFile(Write("a", Program), 0xFFFFFFFE, EntryMode.Protected)).Should().Throw<GuestBuildException>().WithMessage("7 bytes at FFFFFFFEh*");

    [Test]
    public void A_listing_gives_the_bytes_of_the_binary()
    {
        GuestImage image = Guest.FromNasmListing(
            Write(
                "boot.lst",
                """
                     1                                  bits 32
                     2 00000000 B801000000              start: mov eax, 1
                     3 00000005 68[12000000]            push lab
                     4 0000000A 66B8-                   times 2 mov ax, 7
                     4 0000000A 0700<rep 2h>
                     5 00000012 68656C6C6F20776F72-     lab: db "hello world"
                     5 0000001B 6C64               
                     6                                  %macro foo 0
                     7 0000001D F4                  <1>  hlt
                     8 0000001E ????                    resb 2
                     9 00000020 <res 3h>                resb 3
                """),
            0x10000,
            EntryMode.Protected);

        image.Contents.Single(c => c.Address.Value == 0x10000).Bytes.ToArray().Should().Equal(
            [0xB8, 1, 0, 0, 0, 0x68, 0x12, 0, 1, 0, 0x66, 0xB8, 7, 0, 0x66, 0xB8, 7, 0, .. "hello world"u8, 0xF4, 0, 0, 0, 0, 0]);
    }

    [Test]
    public void A_listing_that_NASM_wrote()
    {
        var (binary, listing) = Nasm.Assemble(
            """
            bits 32
            org 20000h
            %macro twice 1
                    inc %1
                    inc %1
            %endmacro
            start:  mov eax, [table]
                    times 3 mov ebx, [table+4]
                    twice ecx
                    jmp start
                    times 0 nop
            table:  dd start, table, 5
                    dw table-start
                    db "a string of more than one line of the listing", 0
                    times 100 db 90h
                    align 16
            """);

        GuestImage image = Guest.FromNasmListing(Write("a.lst", listing), 0x20000, EntryMode.Protected);

        Convert.ToHexString(image.Contents.Single(c => c.Address.Value == 0x20000).Bytes.Span).Should().Be(Convert.ToHexString(binary));
    }

    [TestCase("no listing at all", "a.lst: expected lines of a NASM listing*")]
    [TestCase("     1 00000000 90  nop\n     2 00000004 90  nop", "a.lst(2): expected address 00000001, found 00000004*")]
    [TestCase("     1 00000000 9  nop", "a.lst(1): expected bytes in hexadecimal*found \"9\"*")]
    [TestCase("     1 00000000 <bin 5h>  incbin", "a.lst(1): expected bytes in hexadecimal*found \"<bin 5h>\"*")]
    [TestCase("     1 00000000 E8(05000000)  call other", "a.lst(1): expected bytes in hexadecimal*")]
    [TestCase("     1 00000000 90<rep 2h>90", "a.lst(1): expected bytes in hexadecimal*found \"<rep 2h>90\"*")]
    [TestCase("     1 00000000 [000000]", "a.lst(1): expected a relocated value of 2 or 4 bytes, found 3.")]
    [TestCase("     1 00000000 90<rep FFFFFFFFFFFFFFFFFFh>", "a.lst(1): expected a repetition*")]
    [TestCase("     1 00000000 9090<rep FFFFFFh>", "a.lst(1): expected a repetition*")]
    public void A_listing_that_cannot_be_read(string text, string message) =>
        Build(() => Guest.FromNasmListing(Write("a.lst", text), 0, EntryMode.Real)).Should().Throw<GuestBuildException>().WithMessage(message);

    [Test]
    public void An_elf_file_runs_at_its_physical_address()
    {
        byte[] file = Elf(entry: 0xC0100000, linear: 0xC0100000, physical: 0x100000);
        GuestImage image = Guest.FromElf(Write("a.elf", file));
        using var run = new GuestRun(image);

        image.MemoryBytes.Should().Be(0x110000);
        image.Code.Should().Equal(new GuestCode(new LinearAddress(0xC0100000), new PhysicalAddress(0x100000), Program.Length, 32));
        run.Value.Should().Be(5);
    }

    [TestCase(0, 0u, "offset 0h: expected an ELF header*")]
    [TestCase(4, 2u, "offset 4h: expected class 1*")]
    [TestCase(16, 3u, "offset 10h: expected type 2*")]
    [TestCase(24, 5u, "offset 18h: expected an entry point*")]
    [TestCase(28, 0xFFFFFFF0u, "offset 1Ch: expected 1 program headers*")]
    [TestCase(42, 0x1000Fu, "offset 2Ah: expected program headers of 32*")]
    [TestCase(56, 0xFFFFFFFFu, "offset 38h: expected a segment inside the file*")]
    [TestCase(64, 0x1000u, "offset 40h: expected physical addresses*")]
    [TestCase(64, 0xFFFFFFF0u, "offset 40h: expected physical addresses*")]
    [TestCase(72, 3u, "offset 44h: expected no more bytes*")]
    [TestCase(72, 0xFFFFFFFFu, "offset 40h: expected physical addresses*")]
    public void An_elf_file_with_a_bad_field(int offset, uint value, string message)
    {
        byte[] file = Elf(0x100000, 0x100000, 0x100000);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(offset), value);

        Build(() => Guest.FromElf(Write("a.elf", file))).Should().Throw<GuestBuildException>().WithMessage($"a.elf, {message}");
    }

    [Test]
    public void An_elf_file_with_any_damage_is_refused_or_loads()
    {
        uint state = 1;
        for (int i = 0; i < 1000; i++)
        {
            byte[] file = Elf(0x100000, 0x100000, 0x100000);
            for (int change = 0; change < 3; change++)
            {
                state = state * 1664525 + 1013904223;
                file[(int)((state >> 8) % (uint)file.Length)] = (byte)(state >> 24);
            }

            state = state * 1664525 + 1013904223;
            byte[] cut = file[..(int)((state >> 8) % (uint)file.Length + 1)];
            string path = Write("a.elf", i % 2 == 0 ? file : cut);
            try
            {
                _ = Guest.FromElf(path);
            }
            catch (GuestBuildException)
            {
            }
        }
    }

    // A header, one program header, the program.
    private static byte[] Elf(uint entry, uint linear, uint physical)
    {
        var file = new byte[52 + 32 + Program.Length];
        new byte[] { 0x7F, 0x45, 0x4C, 0x46, 1, 1, 1 }.CopyTo(file, 0);
        Put(16, 2 | 3 << 16, 1, entry, 52, 0, 0, 52 | 32 << 16, 1);
        Put(52, 1, 84, linear, physical, (uint)Program.Length, (uint)Program.Length, 5, 0x1000);
        Program.CopyTo(file, 84);
        return file;

        void Put(int offset, params uint[] values)
        {
            foreach (uint value in values)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(offset), value);
                offset += 4;
            }
        }
    }

    private static Func<GuestImage> Build(Func<GuestImage> build) => build;

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private string Write(string name, string text) => Write(name, System.Text.Encoding.ASCII.GetBytes(text));
}
