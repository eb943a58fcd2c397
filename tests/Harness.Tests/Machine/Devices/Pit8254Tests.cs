using FluentAssertions;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class Pit8254Tests
{
    private static readonly ClockRate Rate = ClockRate.Pit(Board.TicksPerSecond);

    private static int ReadCount(Board board, int channel)
    {
        board.Out(0x43, (byte)(channel << 6));
        var low = board.In((ushort)(0x40 + channel));
        return low | board.In((ushort)(0x40 + channel)) << 8;
    }

    private static byte ReadStatus(Board board, int channel)
    {
        board.Out(0x43, (byte)(0xE0 | 2 << channel));
        return board.In((ushort)(0x40 + channel));
    }

    // Programs channel 0 and moves to a number of clocks after the count was loaded, which is one clock after it was written.
    private static void Start(Board board, byte control, int count)
    {
        board.Out(0x43, control);
        board.Out(0x40, (byte)count, (byte)(count >> 8));
    }

    private static void MoveToClock(Board board, long clock) => board.Platform.Now = Rate.TickOf(clock + 1);

    [TestCase(0, 1000, 10, 990, false)]
    [TestCase(0, 1000, 1000, 0, true)]
    [TestCase(0, 1000, 1001, 65535, true)]
    [TestCase(2, 1000, 10, 990, true)]
    [TestCase(2, 1000, 999, 1, false)]
    [TestCase(2, 1000, 1000, 1000, true)]
    [TestCase(3, 1000, 10, 980, true)]
    [TestCase(3, 1000, 500, 1000, false)]
    [TestCase(3, 1000, 1000, 1000, true)]
    [TestCase(3, 5, 2, 0, true)]
    [TestCase(3, 5, 3, 4, false)]
    [TestCase(4, 1000, 999, 1, true)]
    [TestCase(4, 1000, 1000, 0, false)]
    [TestCase(4, 1000, 1001, 65535, true)]
    public void Count_and_output_follow_from_the_clock(int mode, int count, int clock, int expectedCount, bool expectedOutput)
    {
        var board = new Board();
        Start(board, (byte)(0x30 | mode << 1), count);
        MoveToClock(board, clock);
        ReadCount(board, 0).Should().Be(expectedCount);
        ReadStatus(board, 0).Should().Be((byte)((expectedOutput ? 0x80 : 0) | 0x30 | mode << 1));
    }

    [Test]
    public void Rate_generator_interrupts_at_exact_multiples_of_its_period()
    {
        var board = new Board();
        board.InitializePic(1);
        Start(board, 0x34, 11_932);
        for (var n = 1; n <= 100; n++)
        {
            board.UntilInterrupt().Should().Be(Rate.TickOf(1 + n * 11_932L));
            board.Platform.AcknowledgeInterrupt().Should().Be(0x20);
            board.Out(0x20, 0x20);
        }
    }

    [Test]
    public void Square_wave_interrupts_once_a_period()
    {
        var board = new Board();
        board.InitializePic(1);
        Start(board, 0x36, 0);
        board.UntilInterrupt().Should().Be(Rate.TickOf(1 + 65_536));
        board.Platform.AcknowledgeInterrupt();
        board.Out(0x20, 0x20);
        board.UntilInterrupt().Should().Be(Rate.TickOf(1 + 2 * 65_536));
    }

    [Test]
    public void Null_count_shows_until_the_count_is_loaded_and_status_comes_before_count()
    {
        var board = new Board();
        Start(board, 0x34, 0x1234);
        board.Out(0x43, 0xC2);
        MoveToClock(board, 100);
        board.In(0x40).Should().Be(0x80 | 0x40 | 0x34, "the status was latched before the next clock");
        board.In(0x40).Should().Be(0x34);
        board.In(0x40).Should().Be(0x12, "the count was latched then, too");
    }

    [Test]
    public void A_new_count_of_a_rate_generator_waits_for_the_end_of_the_period()
    {
        var board = new Board();
        Start(board, 0x34, 1000);
        MoveToClock(board, 400);
        board.Out(0x40, 50, 0);
        MoveToClock(board, 900);
        ReadCount(board, 0).Should().Be(100);
        MoveToClock(board, 1010);
        ReadCount(board, 0).Should().Be(40);
    }

    [Test]
    public void Binary_coded_counts_wrap_at_ten_thousand()
    {
        var board = new Board();
        Start(board, 0x31, 0x0100);
        MoveToClock(board, 1);
        ReadCount(board, 0).Should().Be(0x0099);
        MoveToClock(board, 101);
        ReadCount(board, 0).Should().Be(0x9999);
    }

    [Test]
    public void Channel_2_counts_while_its_gate_is_open_and_shows_in_port_61h()
    {
        var board = new Board();
        board.Out(0x43, 0xB0);
        board.Out(0x42, 0x00, 0x08);
        board.Pass(100_000);
        (board.In(0x61) & 0x20).Should().Be(0, "the gate is closed");
        board.Out(0x61, 0x01);
        var ticks = Rate.TickOf(0x800);
        board.Pass(ticks - 20);
        (board.In(0x61) & 0x20).Should().Be(0);
        board.Pass(40);
        (board.In(0x61) & 0x20).Should().Be(0x20);
    }
}
