using FluentAssertions;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>What does not trap goes wrong, as on the processor, and without any event.</summary>
internal sealed class TrapLeakTests
{
    private const uint Region = 0xFFC00000;
    private const uint At = 0x6000;

    /// <summary>What stands at <see cref="At"/> in the end: bare, and where the guest's kernel runs in ring 1 and in ring 3.</summary>
    private static IEnumerable<TestCaseData> Leaks()
    {
        yield return Leak("POPF keeps IF", a => { a.push(2); a.popfd(); a.pushfd(); a.pop(__dword_ptr[At]); }, 0x002, 0x202, 0x202);
        yield return Leak("PUSHF shows IF and IOPL", a => { a.pushfd(); a.pop(__dword_ptr[At]); }, 0x002, 0x202, 0x202);
        yield return Leak("SGDT base", a => a.sgdt(__[At - 2]), GuestLayout.Gdt, Region, Region);
        yield return Leak("SIDT base", a => a.sidt(__[At - 2]), GuestLayout.Idt, Region + 0x20000, Region + 0x20000);
        yield return Leak("STR", a => { a.str(eax); a.mov(__[At], eax); }, Selectors.Tss, 0x60, 0x60);
        yield return Leak("SMSW", a => { a.smsw(eax); a.mov(__[At], eax); }, 0x00000011, 0x80010011, 0x80010011);
        yield return Leak("LAR code", a => { a.mov(ecx, Selectors.Code0); a.lar(eax, ecx); a.mov(__[At], eax); }, 0x00CF9B00, 0x00CFBB00, 0x00CFFB00);
        yield return Leak("LAR task", a => { a.mov(ecx, Selectors.Tss); a.lar(eax, ecx); a.mov(__[At], eax); }, 0x00008B00, 0x00002B00, 0x00006B00);
        yield return Leak("LSL", a => { a.mov(ecx, Selectors.Data0); a.lsl(eax, ecx); a.mov(__[At], eax); }, 0xFFFFFFFF, Region - 1, Region - 1);
        yield return Leak("PUSH CS", a => { a.push(cs); a.pop(__dword_ptr[At]); }, 0x08, 0x09, 0x0B);
        yield return Leak("MOV from SS", a => { a.mov(eax, ss); a.mov(__[At], eax); }, 0x10, 0x11, 0x13);
        yield return Leak(
            "far CALL",
            a =>
            {
                GuestLabel target = a.CreateLabel("target");
                GuestLabel over = a.CreateLabel("over");
                a.CallFar32(Selectors.Code0, target);
                a.jmp(over);
                a.Label(target);
                a.mov(eax, __[esp + 4]);
                a.mov(__[At], eax);
                a.retf();
                a.Label(over);
            },
            0x08,
            0x09,
            0x0B);
    }

    private static TestCaseData Leak(string name, Action<GuestAssembler> body, uint bare, uint ring1, uint ring3) =>
        new TestCaseData(body, bare, ring1, ring3).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Leaks))]
    public void A_sensitive_instruction_shows_the_monitor(Action<GuestAssembler> body, uint bare, uint ring1, uint ring3)
    {
        GuestImage image = Guest.Protected32(a =>
        {
            body(a);
            a.Done();
        });
        using var first = new TrapRun(image);
        using var third = new TrapRun(image, kernelRing: 3);

        BitConverter.ToUInt32(first.Bare.Memory, (int)At).Should().Be(bare);
        first.Doubleword(At).Should().Be(ring1);
        third.Doubleword(At).Should().Be(ring3);
        first.Lines.Where(l => l.StartsWith("Trap", StringComparison.Ordinal)).Should().Equal("Trap #GP io out");
    }

    [Test]
    public void The_virtual_IF_is_left_alone_by_POPF_and_the_interrupt_never_comes()
    {
        using var run = new TrapRun(
            Guest.Kernel(k =>
            {
                k.Timer(20_000, a => a.inc(__dword_ptr[At]));
                k.Boot(a =>
                {
                    a.push(Flags.IF | Flags.Fixed);
                    a.popfd();
                    GuestLabel again = a.Here("again");
                    a.cmp(__dword_ptr[At], 1);
                    a.jb(again);
                    a.Done();
                });
            }),
            limit: 500_000);

        BitConverter.ToUInt32(run.Bare.Memory, (int)At).Should().Be(1);
        run.End.Should().Be(GuestEnd.Limit);
        run.Doubleword(At).Should().Be(0);
        run.Lines.Should().NotContain(l => l.Contains("popf", StringComparison.Ordinal));
    }

    [Test]
    public void Memory_that_the_hardware_wrote_is_compared_raw()
    {
        using var run = new TrapRun(
            Guest.Protected32(a =>
            {
                a.nop();
                a.push(cs);
                a.pop(ebx);
                a.Done();
            }),
            step: 1);

        run.FirstDivergence.Should().StartWith("tick 3:");
        run.Differences().Should().Contain("register 3: bare 00000008, found 00000009");
    }

    [Test]
    public void A_descriptor_outlives_its_table_entry_on_the_bare_machine_only()
    {
        using var run = new TrapRun(Guest.Protected32(a =>
        {
            a.mov(__dword_ptr[At], 1);
            a.mov(__dword_ptr[At + 0x100], 2);
            a.mov(eax, Selectors.Data3);
            a.mov(es, eax);

            // The base of the entry becomes 100h; the register keeps 0.
            a.mov(__byte_ptr[GuestLayout.Gdt + (Selectors.Data3 & ~7u) + 3], 1);
            a.mov(eax, __dword_ptr.es[At]);
            a.mov(__dword_ptr[At + 4], eax);
            a.Done();
        }));

        BitConverter.ToUInt32(run.Bare.Memory, (int)At + 4).Should().Be(1);
        run.Doubleword(At + 4).Should().Be(2);
        run.Count("Trap #PF trace mov").Should().Be(1);
    }
}
