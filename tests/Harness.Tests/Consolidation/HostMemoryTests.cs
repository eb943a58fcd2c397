using FluentAssertions;
using Harness.Machine;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Consolidation;

public sealed class HostMemoryTests
{
    private const int Frames = 20;
    private HostMemory _memory = null!;
    private MachineMemory _a = null!;
    private MachineMemory _b = null!;

    [SetUp]
    public void SetUp()
    {
        _memory = new HostMemory(Frames, [16, 16], new RandomStream(1));
        (_a, _b) = (_memory.Machines[0], _memory.Machines[1]);
    }

    [TearDown]
    public void TearDown() => _memory.Dispose();

    [Test]
    public void A_page_gets_a_frame_of_zeros_when_it_is_touched()
    {
        _a.FrameForReads(3).Should().Be(FrameMap.Away);

        _a.Resolve(3, write: false).Should().Be(FrameFault.Untouched);

        _a.FrameForReads(3).Should().BePositive();
        _a.FrameForWrites(3).Should().Be(_a.FrameForReads(3));
        _a.Peek(3).ToArray().Should().OnlyContain(b => b == 0);
        (_memory.Free, _a.Present, _b.Present).Should().Be((Frames - 1, 1, 0));
        _a.Resolve(3, write: true).Should().Be(FrameFault.None);
    }

    [Test]
    public void A_frame_that_was_anothers_holds_nothing_of_it()
    {
        Fill(_a, 0, 0xAA);
        int frame = _a.FrameForReads(0);
        _memory.Inflate(_a.First);

        _b.Resolve(0, write: true);

        _b.FrameForReads(0).Should().Be(frame, "the frame that came free last is the next to be used");
        _b.Peek(0).ToArray().Should().OnlyContain(b => b == 0);
    }

    [Test]
    public void A_swapped_page_comes_back_as_it_was()
    {
        Fill(_a, 5, 0x5C);

        _memory.SwapOut(_a).Should().BeTrue();

        (_a.Present, _a.Swapped, _a.SwappedOut).Should().Be((0, 1, 1));
        _a.FrameForReads(5).Should().Be(FrameMap.Away);
        _a.Peek(5).ToArray().Should().OnlyContain(b => b == 0x5C);
        _a.Resolve(5, write: false).Should().Be(FrameFault.Swapped);
        _a.Peek(5).ToArray().Should().OnlyContain(b => b == 0x5C);
        (_a.Present, _a.Swapped, _a.SwappedIn).Should().Be((1, 0, 1));
        _memory.SwapOut(_b).Should().BeFalse("it has no page in a frame");
    }

    [Test]
    public void What_a_ballooned_page_held_is_lost()
    {
        Fill(_a, 1, 0x11);
        _memory.Inflate(_a.First + 1);
        (_a.Ballooned, _memory.Free).Should().Be((1, Frames));
        _a.Peek(1).ToArray().Should().OnlyContain(b => b == 0);

        _memory.Deflate(_a.First + 1);
        _a.Ballooned.Should().Be(0);
        _a.Resolve(1, write: false).Should().Be(FrameFault.Untouched);
        _a.Peek(1).ToArray().Should().OnlyContain(b => b == 0);
    }

    [Test]
    public void A_touch_of_a_ballooned_page_brings_it_back_empty()
    {
        Fill(_a, 1, 0x11);
        _memory.Inflate(_a.First + 1);

        _a.Resolve(1, write: true).Should().Be(FrameFault.Ballooned);

        (_a.Ballooned, _a.Present).Should().Be((0, 1));
        _memory.Deflate(_a.First + 1);
        _a.Ballooned.Should().Be(0, "it counts once");
    }

    [Test]
    public void Swap_space_of_a_ballooned_page_is_given_up()
    {
        Fill(_a, 2, 0x22);
        _memory.SwapOut(_a);

        _memory.Inflate(_a.First + 2);

        (_a.Swapped, _a.Ballooned).Should().Be((0, 1));
        _a.Peek(2).ToArray().Should().OnlyContain(b => b == 0);
    }

    [Test]
    public void Equal_pages_share_a_frame_until_one_is_written()
    {
        Fill(_a, 0, 0x77);
        Fill(_b, 9, 0x77);
        _memory.Sharing.Scan(_a.First).Should().BeFalse("there is no other yet");
        _memory.Sharing.Scan(_b.First + 9).Should().BeTrue();

        _a.FrameForReads(0).Should().Be(_b.FrameForReads(9));
        (_a.FrameForWrites(0), _b.FrameForWrites(9)).Should().Be((FrameMap.Away, FrameMap.Away));
        (_memory.Free, _memory.SharedFrames, _a.Shared, _b.Shared).Should().Be((Frames - 1, 1, 1, 1));

        _b.Resolve(9, write: true).Should().Be(FrameFault.Shared);
        Write(_b, 9, 0x78);
        _a.Peek(0).ToArray().Should().OnlyContain(b => b == 0x77);
        _b.Peek(9).ToArray().Should().OnlyContain(b => b == 0x78);

        // The last one takes the frame itself.
        int frame = _a.FrameForReads(0);
        _a.Resolve(0, write: true).Should().Be(FrameFault.Shared);
        _a.FrameForWrites(0).Should().Be(frame);
        (_memory.Free, _memory.SharedFrames).Should().Be((Frames - 2, 0));
    }

    [Test]
    public void A_third_equal_page_joins_by_its_hash()
    {
        foreach ((MachineMemory machine, int page) in new[] { (_a, 0), (_a, 1), (_b, 0) })
        {
            Fill(machine, page, 0x31);
            _memory.Sharing.Scan(machine.First + page);
        }

        (_memory.Free, _memory.SharedFrames).Should().Be((Frames - 1, 1));
        _a.Merged.Should().Be(1);
        _b.Merged.Should().Be(1);
    }

    [Test]
    public void A_hint_that_is_out_of_date_is_not_believed()
    {
        Fill(_a, 0, 0x41);
        _memory.Sharing.Scan(_a.First);
        Write(_a, 0, 0x42);
        Fill(_b, 0, 0x41);

        _memory.Sharing.Scan(_b.First).Should().BeFalse();

        _memory.Sharing.StaleHints.Should().Be(1);
        _memory.SharedFrames.Should().Be(0);
        Fill(_a, 1, 0x41);
        _memory.Sharing.Scan(_a.First + 1).Should().BeTrue("the page that was looked for left a hint of its own");
    }

    [Test]
    public void A_page_is_looked_for_before_it_is_swapped()
    {
        Fill(_a, 0, 0x51);
        _memory.Sharing.Scan(_a.First);
        Fill(_b, 0, 0x51);

        _memory.SwapOut(_b).Should().BeTrue();

        (_b.Swapped, _b.Merged, _memory.Free).Should().Be((0, 1, Frames - 1));
    }

    [Test]
    public void A_page_in_a_shared_frame_is_not_swapped_for_it_would_free_nothing()
    {
        Fill(_a, 0, 0x61);
        Fill(_b, 0, 0x61);
        _memory.Sharing.Scan(_a.First);
        _memory.Sharing.Scan(_b.First);

        _memory.SwapOut(_a).Should().BeFalse();
    }

    [Test]
    public void A_sampled_page_tells_whether_it_was_touched()
    {
        Fill(_a, 0, 1);
        Fill(_a, 1, 2);
        _memory.Sample(_a.First);
        _memory.Sample(_a.First + 1);
        _a.FrameForReads(0).Should().Be(FrameMap.Away);

        _a.Resolve(0, write: false).Should().Be(FrameFault.Sampled);

        _memory.EndSample(_a.First).Should().BeTrue();
        _memory.EndSample(_a.First + 1).Should().BeFalse();
        _a.FrameForReads(1).Should().BePositive();
        _a.SamplesTouched.Should().Be(1);
    }

    [Test]
    public void Without_a_free_frame_another_machine_gives_one_and_the_one_that_runs_none()
    {
        int all = Frames + HostMemory.Reserve;
        using var memory = new HostMemory(Frames, [all, 8], new RandomStream(1));
        (MachineMemory big, MachineMemory small) = (memory.Machines[0], memory.Machines[1]);
        int told = 0;
        memory.Short += () => told++;
        for (int page = 0; page < all; page++)
        {
            big.Resolve(page, write: true);
        }

        told.Should().Be(HostMemory.Reserve + 1);
        memory.IsShort.Should().BeTrue();
        memory.Running = small;
        small.Resolve(0, write: true);
        (small.Present, big.Present, big.SwappedOut).Should().Be((1, all - 1, 1));
    }

    [Test]
    public void A_machine_that_has_ended_leaves_no_frame_behind()
    {
        Fill(_a, 0, 1);
        Fill(_a, 1, 2);
        Fill(_b, 0, 2);
        _memory.Sharing.Scan(_a.First + 1);
        _memory.Sharing.Scan(_b.First);

        _memory.Remove(_a);

        _memory.Free.Should().Be(Frames - 1);
        _b.Peek(0).ToArray().Should().OnlyContain(b => b == 2);
    }

    private void Fill(MachineMemory machine, int page, byte value)
    {
        machine.Resolve(page, write: true);
        Write(machine, page, value);
    }

    private void Write(MachineMemory machine, int page, byte value)
    {
        var bytes = new byte[Ram.PageSize];
        Array.Fill(bytes, value);
        _memory.Ram.Write((long)machine.FrameForWrites(page) * Ram.PageSize, bytes);
    }
}
