using System.Globalization;
using System.Text;
using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Real mode under a VT-x that has none: as virtual-8086 mode, and interpreted where that is no image of it.</summary>
internal sealed class VtxRealModeTests
{
    private const string SeaBios = "/usr/share/seabios/bios.bin";

    [Test]
    public void Real_mode_runs_directly_but_for_what_virtual_8086_mode_faults_on()
    {
        VtxRun run = new VtxRun(Guest.Real16(a =>
        {
            a.xor(ax, ax);
            a.mov(ds, ax);
            a.mov(cx, 100);
            GuestLabel again = a.Here("again");
            a.add(bx, cx);
            a.mov(__word_ptr[0x8000], bx);
            a.loop(again);
            a.cli();
            a.sti();
            a.smsw(dx);
            a.mov(eax, cr0);
            a.sgdt(__[0x8010]);
            a.sidt(__[0x8020]);
            a.@in(al, 0x21);
            a.cpuid();
            a.lgdt(__[0x8010]);
            a.Done();
        })).ShouldBeEquivalent();

        run.Exits.Should().Equal(
            "exception or NMI #GP mov CR0", "I/O instruction in 21h", "CPUID cpuid", "exception or NMI #GP lgdt", "I/O instruction out F4h");
        run.Regime("v86").Emulated.Should().Be(5);
        run.Regime("v86").Direct.Should().BeGreaterThan(300);
        run.Regime("invalid-guest-state").Emulated.Should().Be(0);
    }

    [Test]
    public void A_software_interrupt_goes_through_the_guests_vectors_without_exit_and_shows_IOPL_3()
    {
        VtxRun run = new(Guest.Real16(a =>
        {
            GuestLabel handler = a.CreateLabel("handler");
            GuestLabel start = a.CreateLabel("start");
            a.jmp(start);
            a.Label(handler);
            a.inc(bx);
            a.mov(bp, sp);
            a.mov(dx, __[bp + 4]);
            a.iret();
            a.Label(start);
            a.xor(ax, ax);
            a.mov(ds, ax);
            a.mov(es, ax);
            a.mov(ax, handler);
            a.mov(__word_ptr[0x40 * 4], ax);
            a.mov(__word_ptr[0x40 * 4 + 2], cs);
            a.xor(bx, bx);
            a.@int(0x40);
            a.@int(0x40);
            a.Done();
        }));

        run.Exits.Should().Equal("I/O instruction out F4h");
        (run.Vtx.Final.Ebx & 0xFFFF).Should().Be(2);
        (run.Vtx.Final.Edx ^ run.Bare.Final.Edx).Should().Be(Eflags.IOPL, "the frame is the hardware's");
        run.Vtx.Ticks.Should().Be(run.Bare.Ticks);
    }

    [Test]
    public void Interrupts_and_faults_of_real_mode_go_through_its_vector_table()
    {
        VtxRun run = new VtxRun(Guest.Real16(a =>
        {
            GuestLabel tick = a.CreateLabel("tick");
            GuestLabel divide = a.CreateLabel("divide");
            GuestLabel start = a.CreateLabel("start");
            a.jmp(start);
            a.Label(tick);
            a.push(ax);
            a.inc(si);
            a.mov(al, 0x20);
            a.@out(0x20, al);
            a.pop(ax);
            a.iret();
            a.Label(divide);
            a.inc(di);
            a.mov(cl, 1);
            a.iret();
            a.Label(start);
            a.xor(ax, ax);
            a.mov(ds, ax);
            a.mov(__word_ptr[0x08 * 4 + 2], ax);
            a.mov(__word_ptr[2], ax);
            a.mov(ax, tick);
            a.mov(__word_ptr[0x08 * 4], ax);
            a.mov(ax, divide);
            a.mov(__word_ptr[0], ax);
            foreach ((byte port, byte value) in new (byte, byte)[] { (0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, 0xFE), (0x43, 0x34), (0x40, 0x80), (0x40, 0) })
            {
                a.mov(al, value);
                a.@out(port, al);
            }

            a.xor(si, si);
            a.xor(cx, cx);
            a.xor(ax, ax);
            a.div(cl);
            a.sti();
            GuestLabel again = a.Here("again");
            a.inc(ebx);
            a.cmp(si, 3);
            a.jb(again);
            a.hlt();
            a.cli();
            a.Done();
        }));

        run.Vtx.End.Should().Be(run.Bare.End).And.Be(GuestEnd.Done);
        run.Vtx.Final.Should().Be(run.Bare.Final);
        (run.Vtx.Ticks, run.Vtx.HaltedTicks).Should().Be((run.Bare.Ticks, run.Bare.HaltedTicks));
        run.Vtx.MachineEvents.All.Should().Equal(run.Bare.MachineEvents.All);
        run.Exits.Should().Contain("exception or NMI #DE div").And.Contain("external interrupt").And.Contain("exception or NMI #GP hlt");
        run.Lines.Should().Contain("Injection #DE exception").And.Contain("Injection vector 8 interrupt");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_switch_to_protected_mode_and_back_is_interpreted_until_entry_checks_pass(bool big)
    {
        VtxRun run = new VtxRun(Guest.Real16(a =>
        {
            GuestLabel table = a.CreateLabel("table");
            GuestLabel pointer = a.CreateLabel("pointer");
            GuestLabel wide = a.CreateLabel("wide");
            GuestLabel start = a.CreateLabel("start");
            a.jmp(start);
            a.Align(8);
            a.Label(table);
            a.Dq(0);
            a.Descriptor(Descriptor.Segment(0, uint.MaxValue, AccessRights.RealModeData | AccessRights.Code | AccessRights.DB | AccessRights.G));
            a.Descriptor(Descriptor.Segment(0, uint.MaxValue, AccessRights.RealModeData | AccessRights.DB | AccessRights.G));
            a.Label(pointer);
            a.PseudoDescriptor(23, table);
            a.Label(start);
            a.xor(ax, ax);
            a.mov(ds, ax);

            // RPL 3, as a selector: after the switch VM entry wants that of CS.
            a.mov(bx, 0x903);
            a.mov(ss, bx);
            a.mov(bx, pointer);
            a.lgdt(__[bx]);
            a.mov(eax, cr0);
            a.or(al, 1);
            a.mov(cr0, eax);
            a.mov(bx, 16);
            a.mov(es, bx);
            if (big)
            {
                a.and(al, 0xFE);
                a.mov(cr0, eax);
                a.xor(bx, bx);
                a.mov(es, bx);
                a.mov(ebx, 0x98000);
                a.mov(__word_ptr.es[ebx], 0x1234);
                a.mov(cx, 50);
                GuestLabel again = a.Here("again");
                a.loop(again);
                a.Done();
                return;
            }

            a.mov(ss, bx);
            a.mov(ds, bx);
            a.JmpFar16(8, wide);
            a.Bits32(b =>
            {
                b.Label(wide);
                b.mov(fs, ebx);
                b.mov(gs, ebx);
                b.mov(__dword_ptr[0x90000], 0x1234);
                b.mov(ecx, 50);
                GuestLabel again = b.Here("again");
                b.loop(again);
                b.Done();
            });
        })).ShouldBeEquivalent();

        run.Regime("invalid-guest-state").Emulated.Should().BeInRange(1, 10);
        if (big)
        {
            // Segments of 4 GiB: virtual-8086 mode runs all but what goes beyond 64 KiB.
            run.Regime("v86").Direct.Should().BeGreaterThan(50);
            run.Exits.Should().ContainSingle(e => e == "exception or NMI #GP mov");
        }
        else
        {
            run.Regime("v86").Direct.Should().BePositive();
            run.Regime("unpaged").Direct.Should().BeGreaterThan(50);
            run.Exits.Should().Contain(e => e.StartsWith("VM-entry failure: invalid guest state invalid-guest-state", StringComparison.Ordinal));
        }
    }

    [Test]
    public void SeaBIOS_says_the_same_as_on_the_bare_machine()
    {
        if (!File.Exists(SeaBios))
        {
            Assert.Ignore($"{SeaBios} does not exist: install the package seabios to run this test.");
        }

        var image = new GuestImage { Name = "seabios", MemoryBytes = 16 << 20, Contents = [], Entry = new GuestEntry { Mode = EntryMode.Reset } };
        var devices = new GuestDevices { DebugPorts = [0x402], BiosImage = File.ReadAllBytes(SeaBios) };
        VtxRun run = new(image, devices, limit: 60_000_000, recordEffects: false);

        string bare = Encoding.Latin1.GetString(run.Bare.DebugOutput(0x402).Span);
        string found = Encoding.Latin1.GetString(run.Vtx.DebugOutput(0x402).Span);
        TestContext.Out.WriteLine($"{run.Bare.End} {run.Vtx.End} ticks {run.Bare.Ticks} {run.Vtx.Ticks}, {run.Vtx.Retired.Direct} direct, {run.Vtx.Retired.Emulated} emulated");
        foreach (RegimeCounts regime in run.Vtx.Retired.Regimes)
        {
            TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{regime.Name}: {regime.Direct} direct, {regime.Emulated} emulated"));
        }

        bare.Should().Contain("SeaBIOS");
        found.Should().Be(bare);
        run.Vtx.Ticks.Should().Be(run.Bare.Ticks);
        RegimeCounts v86 = run.Regime("v86");
        long realMode = v86.Direct + v86.Emulated + run.Regime("invalid-guest-state").Emulated;
        ((double)v86.Direct / realMode).Should().BeGreaterThan(0.5);
    }
}
