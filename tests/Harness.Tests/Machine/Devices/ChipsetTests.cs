using System.Text;

using FluentAssertions;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class ChipsetTests
{
    private const int HostBridge = 0;
    private const int Isa = 8;
    private const int Ide = 9;
    private const int Power = 11;

    private static byte[] Bios()
    {
        var bios = new byte[0x40000];
        for (var i = 0; i < bios.Length; i++)
        {
            bios[i] = (byte)(i / 0x4000 + 1);
        }

        return bios;
    }

    private static Board WithBios() => new(options => options with { BiosImage = Bios() });

    [Test]
    public void The_task_priority_register_is_there_if_asked_for()
    {
        var with = new Board(options => options with { TaskPriority = true });
        with.Memory.Write(0xFEE00080, 0x42);
        with.Memory.Write(0xFEE00090, 0x43);
        with.Memory.Read(0xFEE00080).Should().Be(0x42);
        with.Memory.Read(0xFEE00090).Should().Be(0);
        with.Platform.Reset();
        with.Memory.Read(0xFEE00080).Should().Be(0);
        new Board().Memory.Read(0xFEE00080).Should().Be(0xFF);
    }

    [Test]
    public void Configuration_mechanism_1_is_found_and_mechanism_2_is_not()
    {
        var board = new Board();
        board.Out(0xCFB, 0x01);
        board.Platform.Out(0xCF8, 4, 0x8000_0000);
        board.Platform.In(0xCF8, 4).Should().Be(0x8000_0000);
        board.Out(0xCFB, 0);
        board.Out(0xCF8, 0);
        board.Out(0xCFA, 0);
        board.In(0xCF8).Should().Be(0xFF);
        board.In(0xCFA).Should().Be(0xFF);
    }

    [Test]
    public void A_scan_finds_the_functions_that_are_there()
    {
        var board = new Board();
        var found = Enumerable.Range(0, 256).Where(function => board.Pci(function, 0, 4) != uint.MaxValue)
            .Select(function => (function, board.Pci(function, 0, 4), board.Pci(function, 8, 4) >> 16));
        found.Should().Equal((HostBridge, 0x1237_8086u, 0x0600u), (Isa, 0x7000_8086u, 0x0601u), (Ide, 0x7010_8086u, 0x0101u), (Power, 0x7113_8086u, 0x0680u));
        board.Pci(Isa, 0x0E, 1).Should().Be(0x80, "it has further functions");
    }

    [Test]
    public void Identification_is_read_only_and_base_addresses_are_not_announced()
    {
        var board = new Board();
        board.SetPci(Ide, 0, 4, 0);
        board.Pci(Ide, 0, 4).Should().Be(0x7010_8086);
        board.SetPci(Ide, 0x20, 4, uint.MaxValue);
        board.Pci(Ide, 0x20, 4).Should().Be(0);
        board.Pci(Ide, 0x09, 1).Should().Be(0, "no bus master, compatible ports");
        board.SetPci(HostBridge, 0x72, 1, 0x4A);
        board.Pci(HostBridge, 0x72, 1).Should().Be(0x12, "system management RAM is locked away");
    }

    [Test]
    public void After_reset_the_shadow_area_shows_the_firmware_and_takes_no_writes()
    {
        var board = WithBios();
        board.Memory.Read(0xFFFC_0000).Should().Be(1);
        board.Memory.Read(0xFFFF_FFFF).Should().Be(16);
        board.Memory.Read(0xE0000).Should().Be(9);
        board.Memory.Read(0xFFFFF).Should().Be(16);
        board.Memory.Read(0xDFFFF).Should().Be(0xFF);
        board.Memory.Write(0xF0000, 0x77);
        board.Memory.Read(0xF0000).Should().Be(13);
    }

    [Test]
    public void PAM_routes_reads_and_writes_apart()
    {
        var board = WithBios();
        board.SetPci(HostBridge, 0x59, 1, 0x20);
        board.Memory.Write(0xF0000, 0x77);
        board.Memory.Read(0xF0000).Should().Be(13, "writes go to RAM, reads still to the ROM");
        board.SetPci(HostBridge, 0x59, 1, 0x10);
        board.Memory.Read(0xF0000).Should().Be(0x77);
        board.Memory.Write(0xF0000, 0x78);
        board.Memory.Read(0xF0000).Should().Be(0x77, "RAM is write protected now");

        // The low half of 5Ah is C0000h, the high half C4000h.
        board.SetPci(HostBridge, 0x5A, 1, 0x30);
        board.Memory.Write(0xC0000, 1);
        board.Memory.Write(0xC4000, 2);
        board.Memory.Read(0xC0000).Should().Be(0xFF);
        board.Memory.Read(0xC4000).Should().Be(2);
        board.Memory.Read(0xC7FFF).Should().Be(0);
        board.Memory.Read(0xC8000).Should().Be(0xFF);
    }

    [Test]
    public void A_reset_closes_the_shadow_area_again()
    {
        var board = WithBios();
        board.SetPci(HostBridge, 0x58, 4, 0x3333_3000);
        board.Platform.Reset();
        board.Memory.Read(0xF0000).Should().Be(13);
    }

    [Test]
    public void Without_firmware_the_shadow_area_is_RAM()
    {
        var board = new Board();
        board.Memory.Write(0xC0000, 5);
        board.Memory.Write(0xFFFFF, 6);
        board.Memory.Read(0xC0000).Should().Be(5);
        board.Memory.Read(0xFFFFF).Should().Be(6);
    }

    [Test]
    public void The_power_management_timer_runs_at_its_rate_and_raises_SCI_at_half_its_range()
    {
        var board = new Board();
        board.Platform.Now = (long)Board.TicksPerSecond;
        board.Platform.In(0x608, 4).Should().Be(3_579_545);
        board.InitializePic(0x0200);
        board.Platform.Out(0x602, 2, 1);
        board.Out(0xB2, 0xF1);
        (board.Platform.In(0x604, 2) & 1).Should().Be(1, "F1h to the APM port enables ACPI");
        board.UntilInterrupt().Should().Be(ClockRate.PmTimer(Board.TicksPerSecond).TickOf(1 << 23));
        board.Platform.Out(0x600, 2, 1);
        board.Platform.InterruptPending.Should().BeFalse();
    }

    [Test]
    public void Power_management_moves_with_its_base_and_turns_off()
    {
        var board = WithBios();
        board.Platform.In(0x608, 4).Should().Be(uint.MaxValue);
        board.SetPci(Power, 0x40, 4, 0xB001);
        board.SetPci(Power, 0x80, 1, 1);
        board.Platform.In(0xB008, 4).Should().Be(0);
        board.Platform.Out(0xB004, 2, 0x2000);
        board.Platform.ShutdownRequested.Should().BeTrue();
        board.Pci(Power, 0x5B, 1).Should().Be(0x02, "the SMI handler counts as installed");
    }

    [Test]
    public void Reset_and_A20_have_all_their_paths()
    {
        var paths = new (ushort Port, byte[] Values)[] { (0x64, [0xFE]), (0x92, [0x01]), (0xCF9, [0x02, 0x06]) };
        foreach (var (port, values) in paths)
        {
            var board = new Board();
            board.Out(port, values);
            board.Platform.ResetRequested.Should().BeTrue($"port {port:X}h asks for it");
        }

        var gate = new Board();
        List<bool> changes = [];
        gate.Platform.A20Changed += changes.Add;
        gate.Out(0x92, 0x00);
        gate.Out(0x64, 0xD1);
        gate.Out(0x60, 0xDF);
        gate.Out(0x64, 0xDD);
        gate.In(0x92).Should().Be(0);
        gate.Out(0x64, 0xDF);
        changes.Should().Equal(false, true, false, true);
    }

    [Test]
    public void Firmware_configuration_lists_its_files()
    {
        var board = new Board(options => options with { FirmwareFiles = [new("vgaroms/vga.bin", new byte[] { 0x55, 0xAA })] });
        byte[] Item(ushort key, int length)
        {
            board.Platform.Out(0x510, 2, key);
            return [.. Enumerable.Range(0, length).Select(_ => board.In(0x511))];
        }

        Item(0, 5).Should().Equal((byte)'Q', (byte)'E', (byte)'M', (byte)'U', 0);
        Item(1, 4).Should().Equal(1, 0, 0, 0);
        BitConverter.ToUInt64(Item(3, 8)).Should().Be(16 << 20);
        var directory = Item(0x19, 4 + 2 * 64);
        directory[..4].Should().Equal(0, 0, 0, 2);
        directory[4..12].Should().Equal(0, 0, 0, 20, 0, 0x20, 0, 0);
        Encoding.ASCII.GetString(directory, 12, 9).Should().Be("etc/e820\0");
        Encoding.ASCII.GetString(directory, 76, 16).Should().Be("vgaroms/vga.bin\0");
        var map = Item(0x20, 20);
        BitConverter.ToUInt64(map, 8).Should().Be(16 << 20);
        map[16].Should().Be(1);
        Item(0x21, 3).Should().Equal(0x55, 0xAA, 0);
        board.In(0x514).Should().Be(0xFF, "there is no DMA");
    }

    [Test]
    public void Debug_and_exit_ports()
    {
        var board = new Board(options => options with { DebugPorts = [0x402, 0x80], ExitPort = 0xF4 });
        board.In(0x402).Should().Be(0xE9);
        board.Out(0x402, "Hi"u8.ToArray());
        board.Out(0x80, 0x12);
        Encoding.ASCII.GetString(board.Platform.DebugOutput(0x402).Bytes).Should().Be("Hi");
        board.Platform.DebugOutput(0x80).Total.Should().Be(1);
        board.Platform.ExitCode.Should().BeNull();
        board.Platform.Out(0xF4, 4, 5);
        board.Platform.ExitCode.Should().Be(11);
    }

    [Test]
    public void Options_out_of_range_say_what_was_expected()
    {
        FluentActions.Invoking(() => new Board(options => options with { RamBytes = 12345 })).Should().Throw<ArgumentException>().WithMessage("*12345*64 KiB*");
        FluentActions.Invoking(() => new Board(options => options with { BiosImage = new byte[3] })).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new Board(options => options with { ExitPort = 0x3F8 })).Should().Throw<ArgumentException>().WithMessage("*03F8h*");
    }

    [Test]
    public void Wide_accesses_are_split_for_byte_devices_and_missing_ports_read_as_ones()
    {
        var board = new Board();
        board.Platform.In(0x4D0, 4).Should().Be(0xFFFF_0000, "two registers and two ports without a device");
        board.Platform.In(0x300, 4).Should().Be(uint.MaxValue);
        board.Platform.In(0x300, 2).Should().Be(0xFFFF);
        board.Platform.Out(0x3D4, 2, 0x340E);
        board.In(0x3D5).Should().Be(0x34);
    }

    [Test]
    public void The_screen_shows_what_is_written_to_the_text_buffer()
    {
        var board = new Board();
        var position = 0xB8000ul + 2 * (80 + 2);
        foreach (var character in "Hello\u0007"u8)
        {
            board.Memory.Write(position, character);
            board.Memory.Write(position + 1, 0x07);
            position += 2;
        }

        board.Memory.Write(position, 0xDB);
        board.Platform.ScreenText().Should().Be("\n  Hello \u2588");
        board.Memory.Read(0xB8000 + 2 * 82).Should().Be((byte)'H');
        board.Memory.Read(0xA0000).Should().Be(0xFF, "the window lies at B8000h");

        // The start address scrolls.
        board.Out(0x3D4, 0x0D);
        board.Out(0x3D5, 80);
        board.Platform.ScreenText().Should().Be("  Hello \u2588");
    }

    [Test]
    public void Vertical_retrace_comes_seventy_times_a_second_for_two_lines()
    {
        var board = new Board();
        var retraces = 0;
        var before = 0;
        for (var tick = 0L; tick < (long)Board.TicksPerSecond; tick += 200)
        {
            board.Platform.Now = tick;
            var now = board.In(0x3DA) & 0x08;
            retraces += now != 0 && before == 0 ? 1 : 0;
            before = now;
        }

        retraces.Should().Be(70);
    }
}
