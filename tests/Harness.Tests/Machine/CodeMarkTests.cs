using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using NUnit.Framework;

namespace Harness.Tests.Machine;

/// <summary>What a translator marks takes no tick, is counted, and ends no run.</summary>
public sealed class CodeMarkTests
{
    private const int Counter = 3;

    /// <summary>inc eax; inc ebx; inc ecx; dec edx; jmp to the start: of these, INC EAX and the jump are hidden, and INC ECX is counted.</summary>
    private static readonly byte[] _loop = [0x40, 0x43, 0x41, 0x4A, 0xEB, 0xFA];
    private static readonly byte[] _marks = [CodeMark.Hidden, 0, CodeMark.Counting(Counter), 0, CodeMark.Hidden, 0];

    [Test]
    public void Hidden_instructions_take_no_tick_whether_they_run_in_a_chain_or_alone([Values(1, 2, 3, 64, 1000, 1001)] int ticks)
    {
        using ProcessorGuest guest = Marked();

        guest.Run(ticks).Should().Be(RunExit.Limit);

        guest.Processor.Ticks.Should().Be(ticks);
        (guest.Processor.Register(3), guest.Processor.Register(0)).Should().Be(((uint)(ticks + 1) / 2, (uint)(ticks + 1) / 2));
        guest.Processor.CountOf(Counter).Should().Be(ticks / 2, "it comes before the tick that ends the run");
    }

    [Test]
    public void Code_without_a_mark_counts()
    {
        using ProcessorGuest guest = Marked();
        guest.Processor.SetCodeMarks(new LinearAddress(ProcessorGuest.CodeAt + (uint)_loop.Length), _marks);

        guest.Run(5);

        (guest.Processor.Register(0), guest.Processor.CountOf(Counter)).Should().Be((1u, 0L));
    }

    private static ProcessorGuest Marked()
    {
        var guest = new ProcessorGuest();
        guest.Processor.SetCodeMarks(new LinearAddress(ProcessorGuest.CodeAt), _marks);
        guest.Put(ProcessorGuest.CodeAt, _loop);
        guest.Processor.Register(0) = guest.Processor.Register(3) = 0;
        return guest;
    }
}
