using System.Text;

using FluentAssertions;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class InputDeviceTests
{
    private static byte ReadKey(Board board)
    {
        for (var i = 0; i < 1000 && (board.In(0x64) & 1) == 0; i++)
        {
            board.Pass(100);
        }

        (board.In(0x64) & 1).Should().Be(1, "a byte was expected from the keyboard controller");
        return board.In(0x60);
    }

    private static byte[] Ask(Board board, ushort port, byte command, int answers)
    {
        board.Out(port, command);
        return [.. Enumerable.Range(0, answers).Select(_ => ReadKey(board))];
    }

    [Test]
    public void Typed_text_arrives_translated_to_set_1()
    {
        var board = new Board(options => options with { KeyboardInput = [new TimedInput(5000, KeyboardText.ToScanCodes("aB"))] });
        board.Platform.AdvanceTo(4999);
        board.In(0x64).Should().Be(0x14);
        var codes = Enumerable.Range(0, 6).Select(_ => ReadKey(board));
        codes.Should().Equal(0x1E, 0x9E, 0x2A, 0x30, 0xB0, 0xAA);
    }

    [Test]
    public void Without_translation_set_2_arrives_with_its_prefixes()
    {
        var board = new Board();
        board.Out(0x64, 0x60);
        board.Out(0x60, 0x05);
        board.Platform.Type(KeyboardText.ToScanCodes("a"));
        Enumerable.Range(0, 3).Select(_ => ReadKey(board)).Should().Equal(0x1C, 0xF0, 0x1C);
        Ask(board, 0x60, 0xF0, 1).Should().Equal(0xFA);
        Ask(board, 0x60, 0x01, 1).Should().Equal(0xFA);
        board.Platform.Type(KeyboardText.ToScanCodes("a"));
        Enumerable.Range(0, 2).Select(_ => ReadKey(board)).Should().Equal(0x1E, 0x9E);
    }

    [Test]
    public void Controller_and_keyboard_pass_the_tests_of_firmware()
    {
        var board = new Board();
        Ask(board, 0x64, 0xAA, 1).Should().Equal(0x55);
        Ask(board, 0x64, 0xAB, 1).Should().Equal(0x00);
        board.Out(0x64, 0x60);
        board.Out(0x60, 0x21);
        Ask(board, 0x60, 0xFF, 2).Should().Equal(0xFA, 0xAA);
        Ask(board, 0x60, 0xF2, 3).Should().Equal(0xFA, 0xAB, 0x83);
        Ask(board, 0x60, 0xF5, 1).Should().Equal(0xFA);
        Ask(board, 0x60, 0xEE, 1).Should().Equal(0xEE);
        Ask(board, 0x64, 0x20, 1).Should().Equal(0x21);
        Ask(board, 0x64, 0xD0, 1)[0].Should().Match(value => (value & 0x02) != 0);
    }

    [Test]
    public void A_full_output_buffer_raises_IRQ_1_until_it_is_read()
    {
        var board = new Board();
        board.InitializePic(0x0002);
        board.Platform.Type(KeyboardText.ToScanCodes("a"));
        board.UntilInterrupt();
        board.Platform.AcknowledgeInterrupt().Should().Be(0x21);
        board.Out(0x20, 0x20);
        board.Pass(10_000);
        board.Platform.InterruptPending.Should().BeFalse("the byte was not taken");
        board.In(0x60).Should().Be(0x1E);
        board.UntilInterrupt();
        board.In(0x60).Should().Be(0x9E);
    }

    [Test]
    public void A_character_without_a_key_is_named()
    {
        FluentActions.Invoking(() => KeyboardText.ToScanCodes("x\u00e4")).Should().Throw<ArgumentException>().WithMessage("*U+00E4*position 1*");
    }

    [Test]
    public void Serial_output_is_captured_and_the_transmitter_is_empty_again_later()
    {
        var board = new Board();
        board.Out(0x3F8, (byte)'A');
        board.In(0x3FD).Should().Be(0x00);
        board.Pass(1000);
        board.In(0x3FD).Should().Be(0x60);
        board.Out(0x3F8, (byte)'B');
        Encoding.ASCII.GetString(board.Platform.SerialOutput.Bytes).Should().Be("AB");
    }

    [Test]
    public void Serial_input_waits_for_the_receiver()
    {
        var text = Encoding.ASCII.GetBytes("a line that is longer than the FIFO");
        var board = new Board(options => options with { SerialInput = [new TimedInput(100, text)] });
        board.Out(0x3FA, 0x01);
        board.Pass(1_000_000);
        List<byte> received = [];
        while ((board.In(0x3FD) & 1) != 0)
        {
            received.Add(board.In(0x3F8));
            board.Pass(500);
        }

        received.Should().Equal(text);
    }

    [Test]
    public void Serial_interrupts_need_OUT2_and_come_in_their_order()
    {
        var board = new Board();
        board.InitializePic(0x0010);
        board.Out(0x3F9, 0x03);
        board.Platform.InterruptPending.Should().BeFalse("OUT2 is clear");
        board.Out(0x3FC, 0x08);
        board.Platform.InterruptPending.Should().BeTrue("the transmitter is empty");
        board.Platform.SendSerial(new byte[] { 1 });
        board.Pass(1000);
        board.In(0x3FA).Should().Be(0x04);
        board.In(0x3F8).Should().Be(1);
        board.In(0x3FA).Should().Be(0x02);
        board.In(0x3FA).Should().Be(0x01, "reading IIR cleared the transmitter's");
        board.Platform.InterruptPending.Should().BeFalse();
    }

    [Test]
    public void The_probes_of_an_operating_system_find_a_16550A()
    {
        var board = new Board();
        board.Out(0x3F9, 0x00);
        board.In(0x3F9).Should().Be(0x00);
        board.Out(0x3F9, 0xFF);
        board.In(0x3F9).Should().Be(0x0F);
        board.Out(0x3FC, 0x1A);
        (board.In(0x3FE) & 0xF0).Should().Be(0x90);
        board.Out(0x3FC, 0x00);
        board.Out(0x3FA, 0x01);
        (board.In(0x3FA) >> 6).Should().Be(3);
        board.Out(0x3FA, 0x21);
        (board.In(0x3FA) >> 5).Should().Be(6, "not a 16750");
        board.Out(0x3FB, 0x80);
        board.Out(0x3F8, 0x0C);
        board.Out(0x3F9, 0x01);
        board.In(0x3F8).Should().Be(0x0C);
        board.In(0x3F9).Should().Be(0x01);
        board.Out(0x3FF, 0x5A);
        board.In(0x3FF).Should().Be(0x5A);
    }

    [Test]
    public void Below_its_trigger_the_FIFO_interrupts_after_the_time_out()
    {
        var board = new Board();
        board.InitializePic(0x0010);
        board.Out(0x3FA, 0xC1);
        board.Out(0x3F9, 0x01);
        board.Out(0x3FC, 0x08);
        board.Platform.SendSerial(new byte[] { 7 });
        board.UntilInterrupt();
        board.In(0x3FA).Should().Be(0xCC);
        board.In(0x3F8).Should().Be(7);
        board.In(0x3FA).Should().Be(0xC1);
    }
}
