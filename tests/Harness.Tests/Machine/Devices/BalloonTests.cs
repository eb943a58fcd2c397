using FluentAssertions;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class BalloonTests
{
    private const ushort Target = 0x580;
    private const ushort Held = 0x584;
    private const ushort Give = 0x588;
    private const ushort TakeBack = 0x58C;
    private readonly List<(uint Page, bool Given)> _moved = [];
    private Platform _platform = null!;

    [SetUp]
    public void SetUp()
    {
        _moved.Clear();
        _platform = Create([]);
    }

    [Test]
    public void A_page_is_given_once_and_taken_back_once()
    {
        Out(Give, 5).Should().Be(BalloonResult.Done);
        Out(Give, 5).Should().Be(BalloonResult.GivenAlready);
        Out(Give, 7).Should().Be(BalloonResult.Done);
        _platform.BalloonPages.Should().Equal(5, 7);
        _platform.In(Held, 4).Should().Be(2);
        Out(TakeBack, 6).Should().Be(BalloonResult.NotGiven);
        Out(TakeBack, 5).Should().Be(BalloonResult.Done);
        Out(TakeBack, 5).Should().Be(BalloonResult.NotGiven);
        _moved.Should().Equal((5, true), (7, true), (5, false));
    }

    [Test]
    public void What_is_no_page_of_memory_is_refused()
    {
        Out(Give, 100).Should().Be(BalloonResult.NotMemory);

        _platform.BalloonPages.Should().BeEmpty();
    }

    [Test]
    public void A_target_interrupts_until_it_is_read()
    {
        OpenLine11();
        _platform.SetBalloonTarget(3);
        _platform.InterruptPending.Should().BeTrue();

        _platform.In(Target, 4).Should().Be(3);

        _platform.InterruptPending.Should().BeFalse();
        _platform.SetBalloonTarget(3);
        _platform.InterruptPending.Should().BeFalse("nothing has changed");
    }

    [Test]
    public void Targets_of_a_script_come_at_their_ticks()
    {
        _platform = Create([new BalloonTarget(500, 8), new BalloonTarget(100, 4)]);
        OpenLine11();
        _platform.AdvanceTo(99);
        _platform.In(Target, 4).Should().Be(0);
        _platform.AdvanceTo(100);
        _platform.InterruptPending.Should().BeTrue();
        _platform.In(Target, 4).Should().Be(4);
        _platform.AdvanceTo(500);
        _platform.In(Target, 4).Should().Be(8);
    }

    [Test]
    public void A_reset_gives_every_page_back()
    {
        Out(Give, 5);
        Out(Give, 6);

        _platform.Reset();

        _moved.Should().EndWith([(5u, false), (6u, false)]);
        _platform.In(Held, 4).Should().Be(0);
    }

    [Test]
    public void Without_the_option_nothing_answers()
    {
        var platform = new Platform(Options([]) with { Balloon = false }, new FakeMemoryMap());

        platform.In(Target, 4).Should().Be(uint.MaxValue);
        platform.SetBalloonTarget(5);
        platform.BalloonPages.Should().BeEmpty();
    }

    private Platform Create(IReadOnlyList<BalloonTarget> targets) => new(Options(targets), new FakeMemoryMap())
    {
        PageMoved = (page, given) =>
        {
            if (page >= 100)
            {
                return false;
            }

            _moved.Add((page, given));
            return true;
        },
    };

    private static PlatformOptions Options(IReadOnlyList<BalloonTarget> targets) =>
        new() { RamBytes = 1 << 20, TicksPerSecond = 1_000_000_000, Balloon = true, BalloonTargets = targets };

    private BalloonResult Out(ushort port, uint page)
    {
        _platform.Out(port, 4, page);
        return (BalloonResult)_platform.In(Give, 4);
    }

    private void OpenLine11()
    {
        foreach ((ushort port, uint value) in new (ushort, uint)[] { (0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0xA0, 0x11), (0xA1, 0x28), (0xA1, 2), (0xA1, 1), (0x21, 0xFB), (0xA1, 0xF7) })
        {
            _platform.Out(port, 1, value);
        }
    }
}
