using FluentAssertions;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Machine.State;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Machine;

public sealed class SavedRunTests
{
    private const long Limit = 400_000;

    [TestCase(1)]
    [TestCase(777)]
    [TestCase(123_456)]
    public void A_restored_run_equals_the_uninterrupted_one(long tick)
    {
        using Computer uninterrupted = Start();
        uninterrupted.Run(Limit);

        using Computer first = Start();
        first.Run(tick);
        SavedState saved = SavedState.Capture(first);
        using Computer second = Start();
        second.Run(tick / 2);
        saved.ApplyTo(second);
        second.Run(Limit);

        Elements(second).Should().Equal(Elements(uninterrupted));
    }

    [Test]
    public void Every_register_is_an_element()
    {
        using Computer computer = Start();
        SavedState before = SavedState.Capture(computer);
        computer.Processor.Register(3) ^= 1;
        computer.Processor.Flags ^= 1;
        computer.Processor.State.System.Cr2 ^= 1;
        computer.Processor.State.PendingDebug ^= 1;
        computer.Processor.State.Shadow = Shadow.MovSs;
        computer.Processor.State.NmiBlocked = true;
        computer.Processor.Segment(Harness.Isa.SegmentName.FS).Limit ^= 1;
        SavedState after = SavedState.Capture(computer);
        before.Elements.Zip(after.Elements).Where(p => !p.First.Value.AsSpan().SequenceEqual(p.Second.Value)).Select(p => p.First.Key)
            .Should().BeEquivalentTo(
                "processor.ebx", "processor.eflags", "processor.FS.limit", "processor.system", "processor.pendingDebug", "processor.shadow", "processor.nmiBlocked");
    }

    private static IEnumerable<string> Elements(Computer computer) =>
        SavedState.Capture(computer).Elements.Select(e => $"{e.Key}={Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(e.Value))}");

    private static Computer Start()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
            k.Timer(20_000, k.Switch);
            k.User(u =>
            {
                var loop = u.CreateLabel("first");
                u.Label(loop);
                u.mov(eax, 1);
                u.@int(0x80);
                u.inc(ebx);
                u.jmp(loop);
            });
            k.User(u =>
            {
                var loop = u.CreateLabel("second");
                u.Label(loop);
                u.add(__dword_ptr[0x410000], 3);
                u.jmp(loop);
            });
        });
        ProcessorModel model = ProcessorModel.Load("yonah");
        var computer = new Computer(model, new PlatformOptions { RamBytes = (ulong)Math.Max(guest.MemoryBytes, 1 << 20), TicksPerSecond = (ulong)model.TicksPerSecond });
        GuestLoader.Load(guest, computer.Memory);
        GuestLoader.Enter(guest, computer.Processor);
        return computer;
    }
}
