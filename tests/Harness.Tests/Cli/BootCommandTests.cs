using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary><c>boot</c>: outputs, exit codes, and images at fault.</summary>
public sealed class BootCommandTests
{
    private const string Firmware = "/usr/share/seabios/bios.bin";

    // mov dx, 3F8h; mov al, 'H'; out dx, al; out 0E9h, al; mov al, 5; out 0F4h, al; cli; hlt
    private static readonly byte[] Program = [0xBA, 0xF8, 0x03, 0xB0, 0x48, 0xEE, 0xE6, 0xE9, 0xB0, 0x05, 0xE6, 0xF4, 0xFA, 0xF4];

    private const string Memtest = "/boot/memtest86+ia32.bin";

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new CliFolder();
        File.WriteAllBytes(_folder.File("code.bin"), Program);
        File.WriteAllBytes(_folder.File("empty"), []);
        File.WriteAllBytes(_folder.File("odd.bios"), new byte[1000]);
        File.WriteAllBytes(_folder.File("large"), new byte[2 << 20]);
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("bare")]
    [TestCase("interpret")]
    public void Outputs_and_the_exit_code_are_the_guests(string engine)
    {
        var boot = _folder.Run("boot", "--engine", engine, "--load", "code.bin@0x7C00", "--serial", "-", "--debug-port", "0xE9=debug.txt", "--exit-port", "0xF4");

        boot.Code.Should().Be(11, "5 was written to the exit port");
        boot.Out.Should().Be("H");
        boot.Error.Should().StartWith("\nharness: ", "the guest's line had no end").And.Contain("exit code 11");
        File.ReadAllText(_folder.File("debug.txt")).Should().Be("H");
    }

    [Test]
    public void Until_ends_the_run()
    {
        _folder.Run("boot", "--load", "code.bin@0x7C00", "--until", "H").Code.Should().Be(0);
        var boot = _folder.Run("boot", "--load", "code.bin@0x7C00", "--until", "X");
        boot.Code.Should().Be(2);
        boot.Error.Should().Contain("never matched 'X'").And.Contain("nothing can wake it");
    }

    [Test]
    public void A_budget_ends_the_run_with_2() =>
        _folder.Run("boot", "--load", "code.bin@0x7C00", "--max-instructions", "3").Code.Should().Be(2);

    [TestCase("nothing to boot")]
    [TestCase("--bios: expected a file of 1 to", "--bios", "empty")]
    [TestCase("multiple of 65536 bytes, found 1000", "--bios", "odd.bios")]
    [TestCase("found 2097152: large", "--bios", "large")]
    [TestCase("--bios: none", "--bios", "none")]
    [TestCase("expected a Multiboot header", "--kernel", "code.bin")]
    [TestCase("exceed the guest's memory", "--load", "code.bin@0xFFFFF", "--memory", "1")]
    [TestCase("expected FILE@ADDR", "--load", "code.bin")]
    [TestCase("--disk: expected a file with contents, found an empty one", "--load", "code.bin@0", "--disk", "empty")]
    [TestCase("--memory: expected a number from 1 to 2048, found", "--load", "code.bin@0", "--memory", "0")]
    [TestCase("--exit-port: expected a port", "--load", "code.bin@0", "--exit-port", "0x10000")]
    [TestCase("--debug-port: expected PORT=FILE", "--load", "code.bin@0", "--debug-port", "0xE9")]
    [TestCase("--engine: expected one of bare", "--load", "code.bin@0", "--engine", "none")]
    public void Input_at_fault_gets_5_and_a_reason(string reason, params string[] arguments)
    {
        var boot = _folder.Run(["boot", .. arguments]);

        boot.Code.Should().Be(5);
        boot.Error.Should().Contain(reason);
    }

    [Test]
    public void A_multiboot_kernel_gets_its_command_line_and_modules()
    {
        // cmp eax, 2BADB002h; jne fail; mov eax, [ebx+16]; mov al, [eax]; out 0E9h, al; mov eax, [ebx+24]; mov eax, [eax]; mov al, [eax]; out 0E9h, al;
        // mov al, 5; out 0F4h, al; fail: cli; hlt
        byte[] code =
        [
            0x3D, 0x02, 0xB0, 0xAD, 0x2B, 0x75, 0x14, 0x8B, 0x43, 0x10, 0x8A, 0x00, 0xE6, 0xE9, 0x8B, 0x43, 0x18, 0x8B, 0x00, 0x8A, 0x00, 0xE6, 0xE9,
            0xB0, 0x05, 0xE6, 0xF4, 0xFA, 0xF4,
        ];
        const uint Address = 0x100000, Header = 84, Entry = Header + 12;
        uint size = Entry + (uint)code.Length;
        uint[] fields =
        [
            0x464C457F, 0x00010101, 0, 0, 0x00030002, 1, Address + Entry, 52, 0, 0, 0x00200034, 1, 0,
            1, 0, Address, Address, size, size, 5, 4096,
            0x1BADB002, 0, unchecked(0u - 0x1BADB002),
        ];
        File.WriteAllBytes(_folder.File("kernel"), [.. fields.SelectMany(BitConverter.GetBytes), .. code]);
        File.WriteAllText(_folder.File("module"), "M");

        var boot = _folder.Run("boot", "--kernel", "kernel", "--append", "C", "--initrd", "module", "--debug-port", "0xE9=-", "--exit-port", "244");

        boot.Should().Match<(int Code, string Out, string Error)>(b => b.Code == 11 && b.Out == "CM");
    }

    [Test]
    public void A_bzImage_gets_its_command_line_and_RAM_disk()
    {
        File.WriteAllBytes(_folder.File("kernel"), BzImage());
        File.WriteAllText(_folder.File("disk"), "M");

        var boot = _folder.Run("boot", "--kernel", "kernel", "--append", "C", "--initrd", "disk", "--debug-port", "0xE9=-", "--exit-port", "244");

        boot.Should().Match<(int Code, string Out, string Error)>(b => b.Code == 11 && b.Out == "CM");
    }

    [TestCase(0x206, 0x01, "expected a bzImage of boot protocol 2.02 or later")]
    [TestCase(0x211, 0x00, "expected a bzImage of boot protocol 2.02 or later")]
    [TestCase(0x1F1, 0xFF, "the file is truncated")]
    [TestCase(0x217, 0x40, "give it more memory")]
    [TestCase(0x238, 0x00, "expected a command line of at most 0 bytes, found 1")]
    public void A_damaged_bzImage_gets_5_and_a_reason(int offset, int value, string reason)
    {
        var image = BzImage();
        image[offset] = (byte)value;
        File.WriteAllBytes(_folder.File("kernel"), image);

        var boot = _folder.Run("boot", "--kernel", "kernel", "--append", "C");

        boot.Code.Should().Be(5);
        boot.Error.Should().Contain(reason);
    }

    [Test]
    public void Memtest_starts()
    {
        if (!File.Exists(Memtest))
        {
            Assert.Ignore($"{Memtest} is not installed (package memtest86+)");
        }

        var boot = _folder.Run("boot", "--kernel", Memtest, "--max-instructions", "300000000", "--screen", "-", "--append", "console=ttyS0,115200", "--serial", "serial");

        boot.Code.Should().Be(2);
        boot.Out.Should().Contain("Memtest86+ v");
        File.ReadAllText(_folder.File("serial")).Should().Contain("Memtest86+ v");
    }

    [Test]
    public void Firmware_boots_to_its_end()
    {
        if (!File.Exists(Firmware))
        {
            Assert.Ignore($"{Firmware} is not installed (package seabios)");
        }

        var boot = _folder.Run("boot", "--bios", Firmware, "--debug-port", "0x402=-", "--until", "No bootable device", "--screen", "screen.txt");

        boot.Code.Should().Be(0);
        boot.Out.Should().EndWith("No bootable device");
    }

    // A setup header of protocol 2.06 at its offsets, one sector of setup, and a kernel.
    private static byte[] BzImage()
    {
        // mov eax, [esi+228h]; mov al, [eax]; out 0E9h, al; mov eax, [esi+218h]; mov al, [eax]; out 0E9h, al; mov al, 5; out 0F4h, al; cli; hlt
        byte[] code =
        [
            0x8B, 0x86, 0x28, 0x02, 0x00, 0x00, 0x8A, 0x00, 0xE6, 0xE9, 0x8B, 0x86, 0x18, 0x02, 0x00, 0x00, 0x8A, 0x00, 0xE6, 0xE9,
            0xB0, 0x05, 0xE6, 0xF4, 0xFA, 0xF4,
        ];
        var image = new byte[1024 + code.Length];
        image[0x1F1] = 1;
        image[0x201] = 0x66;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        image[0x206] = 6;
        image[0x207] = 2;
        image[0x211] = 1;
        image[0x216] = 0x10;
        image.AsSpan(0x22C, 4).Fill(0x7F);
        image[0x238] = 255;
        code.CopyTo(image, 1024);
        return image;
    }
}
