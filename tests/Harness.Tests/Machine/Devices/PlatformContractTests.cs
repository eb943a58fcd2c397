using FluentAssertions;
using Harness.Machine.Devices;
using Harness.Machine.State;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

/// <summary>What holds for every device, whatever a guest does to it.</summary>
public sealed class PlatformContractTests
{
    private static readonly ushort[] Ports =
    [
        0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x92, 0x70, 0x71, 0x60, 0x64, 0xCF9, 0x80, 0xB2, 0xB3,
        0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF, 0x402, 0xF4, 0xCF8, 0xCFC, 0xCFD, 0xCFE, 0xCFF, 0x510, 0x511,
        0x1F0, 0x1F1, 0x1F2, 0x1F3, 0x1F4, 0x1F5, 0x1F6, 0x1F7, 0x3F6, 0x170, 0x177, 0x376, 0x600, 0x602, 0x604, 0x608, 0x60A,
        0x3C0, 0x3C1, 0x3C2, 0x3C4, 0x3C5, 0x3C6, 0x3C7, 0x3C8, 0x3C9, 0x3CC, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3DA, 0x3B4, 0x3B5,
        0xA00, 0xA04, 0xA08, 0xA0C, 0xA20, 0xA24, 0xA28, 0xA2C,
    ];

    private static Board NewBoard() => new(options => options with
    {
        Disks = [DiskImage.FromBytes(new byte[100 * 512]), DiskImage.FromBytes(new byte[64 * 512])],
        SerialInput = [new TimedInput(1000, new byte[400])],
        KeyboardInput = [new TimedInput(1000, KeyboardText.ToScanCodes("the quick brown fox JUMPS"))],
        DebugPorts = [0x402],
        ExitPort = 0xF4,
        TaskPriority = true,
        RingDisk = DiskImage.FromBytes(new byte[16 * 512]),
        RingService = true,
    });

    /// <summary>A step of traffic that depends on the seed alone; what came back.</summary>
    private static uint Step(Board board, ref uint seed)
    {
        uint Next(ref uint state, uint range)
        {
            state = state * 1_664_525 + 1_013_904_223;
            return (state >> 8) % range;
        }

        board.Platform.Now += Next(ref seed, 4) == 0 ? Next(ref seed, 20_000) : Next(ref seed, 20);
        var port = Next(ref seed, 50) == 0 ? (ushort)Next(ref seed, 0x10000) : Ports[Next(ref seed, (uint)Ports.Length)];
        var size = 1 << (int)Next(ref seed, 3);
        switch (Next(ref seed, 5))
        {
            case 0 or 1:
                board.Platform.Out(port, size, Next(ref seed, 0x1000000) * 259);
                return 0;
            case 2 when board.Platform.InterruptPending:
                return board.Platform.AcknowledgeInterrupt();
            case 3:
                board.Memory.Write(0xFEE00000 + Next(ref seed, 0x100), (byte)seed);
                var address = 0xA0000 + Next(ref seed, 0x60000);
                board.Memory.Write(address, (byte)seed);
                return board.Memory.Read(0xA0000 + Next(ref seed, 0x20000));
            default:
                return board.Platform.In(port, size);
        }
    }

    [TestCase(1u)]
    [TestCase(2u)]
    [TestCase(3u)]
    public void Random_traffic_never_throws_and_stays_in_range(uint seed)
    {
        var board = NewBoard();
        for (var i = 0; i < 200_000; i++)
        {
            Step(board, ref seed);
            board.Platform.NextDeadline.Should().BeGreaterThanOrEqualTo(board.Platform.Now);
        }

        board.Platform.ScreenText().Length.Should().BeLessThan(1 << 20);
    }

    [Test]
    public void Every_port_takes_every_size()
    {
        var board = NewBoard();
        for (var port = 0; port < 0x10000; port++)
        {
            foreach (var size in new[] { 1, 2, 4 })
            {
                var value = board.Platform.In((ushort)port, size);
                (size == 4 ? 0 : value >> (8 * size)).Should().Be(0);
                board.Platform.Out((ushort)port, size, uint.MaxValue);
            }
        }
    }

    [TestCase(11u)]
    [TestCase(12u)]
    [TestCase(13u)]
    public void A_restored_platform_goes_on_as_the_saved_one(uint seed)
    {
        var board = NewBoard();
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < 2000; i++)
            {
                Step(board, ref seed);
            }

            var saved = SavedState.Capture(board.Platform);
            var copy = NewBoard();
            saved.ApplyTo(copy.Platform);
            var otherSeed = seed;
            for (var i = 0; i < 2000; i++)
            {
                // RAM is not the platform's, so the two boards differ in it: only the video memory is compared.
                Step(copy, ref otherSeed).Should().Be(Step(board, ref seed));
                copy.Platform.InterruptPending.Should().Be(board.Platform.InterruptPending);
                copy.Platform.NextDeadline.Should().Be(board.Platform.NextDeadline);
                copy.Platform.A20.Should().Be(board.Platform.A20);
            }

            var first = SavedState.Capture(board.Platform).Elements;
            var second = SavedState.Capture(copy.Platform).Elements;
            first.Select(element => element.Key).Should().Equal(second.Select(element => element.Key));
            for (var i = 0; i < first.Count; i++)
            {
                second[i].Value.AsSpan().SequenceEqual(first[i].Value).Should().BeTrue($"'{first[i].Key}' should be equal");
            }
        }
    }

    [Test]
    public void Restoring_maps_the_shadow_area_and_saving_maps_nothing()
    {
        var board = NewBoard();
        var saved = SavedState.Capture(board.Platform);
        board.SetPci(0, 0x59, 1, 0x00);
        board.Memory.Read(0xF0000).Should().Be(0xFF);
        saved.ApplyTo(board.Platform);
        board.Memory.Read(0xF0000).Should().Be(0x00);
        var calls = board.Memory.Calls;
        SavedState.Capture(board.Platform);
        board.Memory.Calls.Should().Be(calls);
    }

    [Test]
    public void State_of_another_shape_is_refused_by_name()
    {
        var saved = SavedState.Capture(NewBoard().Platform);
        var other = new Board();
        FluentActions.Invoking(() => saved.ApplyTo(other.Platform)).Should().Throw<InvalidDataException>();
    }

    [Test]
    public void Time_in_one_step_or_in_many_is_the_same()
    {
        var one = NewBoard();
        var many = NewBoard();
        foreach (var board in new[] { one, many })
        {
            board.InitializePic(0x0101);
            board.Out(0x43, 0x34);
            board.Out(0x40, 0x00, 0x10);
            board.Out(0x70, 0x0B);
            board.Out(0x71, 0x72);
        }

        one.Platform.AdvanceTo(3_000_000);
        for (var tick = 0; tick <= 3_000_000; tick += 7)
        {
            many.Platform.AdvanceTo(tick);
        }

        many.Platform.AdvanceTo(3_000_000);
        var first = SavedState.Capture(one.Platform).Elements;
        var second = SavedState.Capture(many.Platform).Elements;
        for (var i = 0; i < first.Count; i++)
        {
            second[i].Value.AsSpan().SequenceEqual(first[i].Value).Should().BeTrue($"'{first[i].Key}' should be equal");
        }
    }
}
