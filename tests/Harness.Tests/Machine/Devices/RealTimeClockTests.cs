using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class RealTimeClockTests
{
    private const long Second = (long)Board.TicksPerSecond;

    private static byte Read(Board board, byte register)
    {
        board.Out(0x70, register);
        return board.In(0x71);
    }

    private static void Write(Board board, byte register, byte value)
    {
        board.Out(0x70, register);
        board.Out(0x71, value);
    }

    private static string Time(Board board) =>
        $"{Read(board, 0x32):X2}{Read(board, 9):X2}-{Read(board, 8):X2}-{Read(board, 7):X2} {Read(board, 4):X2}:{Read(board, 2):X2}:{Read(board, 0):X2}";

    [Test]
    public void Time_starts_as_asked_and_carries_into_the_century()
    {
        var board = new Board(options => options with { StartTime = new DateTime(1999, 12, 31, 23, 59, 58, DateTimeKind.Utc) });
        Time(board).Should().Be("1999-12-31 23:59:58");
        Read(board, 6).Should().Be(6, "a Friday");
        board.Platform.Now = 2 * Second - 1;
        Time(board).Should().Be("1999-12-31 23:59:59");
        board.Platform.Now = 2 * Second;
        Time(board).Should().Be("2000-01-01 00:00:00");
    }

    [Test]
    public void Update_in_progress_precedes_the_update_by_244_microseconds()
    {
        var board = new Board();
        board.Platform.Now = Second - Second / 4000;
        (Read(board, 0x0A) & 0x80).Should().Be(0);
        board.Platform.Now = Second - Second / 5000;
        (Read(board, 0x0A) & 0x80).Should().Be(0x80);
        board.Platform.Now = Second;
        (Read(board, 0x0A) & 0x80).Should().Be(0);
    }

    [Test]
    public void Periodic_interrupt_comes_at_its_rate_and_reading_C_lets_the_next_come()
    {
        var board = new Board();
        board.InitializePic(0x0100);
        Write(board, 0x0B, 0x42);
        for (var n = 1; n <= 5; n++)
        {
            board.UntilInterrupt().Should().Be((n * Second + 1023) / 1024);
            board.Platform.AcknowledgeInterrupt().Should().Be(0x28);
            board.Out(0xA0, 0x20);
            board.Out(0x20, 0x20);
            Read(board, 0x0C).Should().Be(0xC0);
        }

        Read(board, 0x0C).Should().Be(0, "the read cleared it");
    }

    [Test]
    public void Alarm_and_update_interrupts_come_at_their_second()
    {
        var board = new Board();
        board.InitializePic(0x0100);
        Write(board, 1, 0x03);
        Write(board, 3, 0xFF);
        Write(board, 5, 0xFF);
        Write(board, 0x0B, 0x22);
        board.UntilInterrupt().Should().Be(3 * Second);
        (Read(board, 0x0C) & 0xB0).Should().Be(0xB0);
    }

    [Test]
    public void Binary_and_twelve_hour_formats()
    {
        var board = new Board(options => options with { StartTime = new DateTime(2020, 1, 1, 13, 45, 0, DateTimeKind.Utc) });
        Write(board, 0x0B, 0x80);
        Write(board, 4, 0x81);
        Write(board, 0x0B, 0x00);
        board.Platform.Now = Second;
        Read(board, 4).Should().Be(0x81);
        Read(board, 0).Should().Be(0x01);
        Write(board, 0x0B, 0x86);
        Write(board, 4, 23);
        Write(board, 2, 59);
        Write(board, 0, 59);
        Write(board, 7, 28);
        Write(board, 8, 2);
        Write(board, 9, 20);
        Write(board, 0x32, 20);
        Write(board, 0x0B, 0x06);
        board.Platform.Now = 2 * Second;
        Read(board, 7).Should().Be(29, "2020 is a leap year");
        Read(board, 4).Should().Be(0);
    }

    [Test]
    public void Memory_sizes_are_where_firmware_looks_for_them()
    {
        var board = new Board(options => options with { RamBytes = 5ul << 30 });
        (Read(board, 0x34) | Read(board, 0x35) << 8).Should().Be((3 << 14) - 256);
        (Read(board, 0x5B) | Read(board, 0x5C) << 8 | Read(board, 0x5D) << 16).Should().Be(2 << 14);
        (Read(board, 0x15) | Read(board, 0x16) << 8).Should().Be(640);
    }

    [Test]
    public void Bit_7_of_the_index_masks_NMI()
    {
        var board = new Board();
        board.Platform.RaiseNmi();
        board.Platform.NmiPending.Should().BeTrue();
        board.Out(0x70, 0x80);
        board.Platform.NmiPending.Should().BeFalse();
        board.Out(0x70, 0x00);
        board.Platform.AcknowledgeNmi();
        board.Platform.NmiPending.Should().BeFalse();
    }
}
