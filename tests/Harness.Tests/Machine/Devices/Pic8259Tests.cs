using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class Pic8259Tests
{
    // Mode 0 with a count of 1 makes IRQ 0 rise two clocks later and stay high.
    private static void RaiseTimer(Board board)
    {
        board.Out(0x43, 0x10);
        board.Out(0x40, 1);
        board.Pass(40);
    }

    // A key makes IRQ 1 rise and stay high until port 60h is read.
    private static void RaiseKeyboard(Board board)
    {
        board.Platform.Type(new byte[] { 0x1C });
        board.Pass(1000);
    }

    [Test]
    public void The_higher_priority_is_acknowledged_first_and_holds_back_the_lower_until_its_EOI()
    {
        var board = new Board();
        board.InitializePic(0x0003);
        RaiseKeyboard(board);
        RaiseTimer(board);

        board.Platform.AcknowledgeInterrupt().Should().Be(0x20);
        board.Platform.InterruptPending.Should().BeFalse("request 0 is in service");
        board.Out(0x20, 0x20);
        board.Platform.InterruptPending.Should().BeTrue();
        board.Platform.AcknowledgeInterrupt().Should().Be(0x21);
        board.Out(0x20, 0x0B);
        board.In(0x20).Should().Be(0x02, "OCW3 selects the in-service register");
        board.Out(0x20, 0x61);
        board.In(0x20).Should().Be(0x00, "a specific EOI clears it");
    }

    [Test]
    public void Rotation_makes_the_level_just_served_the_lowest()
    {
        var board = new Board();
        board.InitializePic(0x0003);
        RaiseTimer(board);
        board.Platform.AcknowledgeInterrupt().Should().Be(0x20);
        board.Out(0x20, 0xA0);
        RaiseKeyboard(board);
        RaiseTimer(board);
        board.Platform.AcknowledgeInterrupt().Should().Be(0x21);
    }

    [Test]
    public void An_acknowledge_without_a_request_is_spurious_and_leaves_nothing_in_service()
    {
        var board = new Board();
        board.InitializePic(0x0002);
        board.Platform.AcknowledgeInterrupt().Should().Be(0x27);
        board.Out(0x20, 0x0B);
        board.In(0x20).Should().Be(0);

        RaiseKeyboard(board);
        board.Platform.InterruptPending.Should().BeTrue();
        board.In(0x60);
        board.Platform.InterruptPending.Should().BeFalse("the request fell before it was acknowledged");
    }

    [Test]
    public void A_request_of_the_slave_goes_through_input_2_and_needs_two_EOIs()
    {
        var board = new Board();
        board.InitializePic(0x0100);
        board.Out(0x70, 0x0B);
        board.Out(0x71, 0x42);
        board.UntilInterrupt();
        board.Platform.AcknowledgeInterrupt().Should().Be(0x28);
        board.Out(0x20, 0x0B);
        board.Out(0xA0, 0x0B);
        board.In(0x20).Should().Be(0x04);
        board.In(0xA0).Should().Be(0x01);
        board.Out(0xA0, 0x20);
        board.Out(0x20, 0x20);
        board.In(0x20).Should().Be(0x00);
        board.In(0xA0).Should().Be(0x00);
    }

    [Test]
    public void Automatic_EOI_special_mask_and_poll_do_what_the_data_sheet_says()
    {
        var board = new Board();
        board.InitializePic(0x0003);
        RaiseTimer(board);
        board.Platform.AcknowledgeInterrupt();

        // Special mask mode: with level 0 masked in service, the lower level 1 gets through.
        board.Out(0x21, 0xFD);
        board.Out(0x20, 0x68);
        RaiseKeyboard(board);
        board.Platform.InterruptPending.Should().BeTrue();

        // Poll: the read is the acknowledge.
        board.Out(0x20, 0x0C);
        board.In(0x20).Should().Be(0x81);
        board.Platform.InterruptPending.Should().BeFalse();

        board.Out(0x20, 0x13);
        board.Out(0x21, 0x40, 0x03);
        RaiseTimer(board);
        board.Platform.AcknowledgeInterrupt().Should().Be(0x40);
        board.Out(0x20, 0x0B);
        board.In(0x20).Should().Be(0, "ICW4 asked for automatic EOI");
    }

    [Test]
    public void Initialization_clears_the_masks_and_ELCR_keeps_its_writable_bits_only()
    {
        var board = new Board();
        board.In(0x21).Should().Be(0xFF);
        board.InitializePic(0);
        board.In(0x21).Should().Be(0xFB);
        board.Out(0x4D0, 0xFF);
        board.Out(0x4D1, 0xFF);
        board.Platform.In(0x4D0, 2).Should().Be(0xDEF8);
    }
}
