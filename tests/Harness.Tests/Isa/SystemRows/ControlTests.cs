using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Control and debug registers, descriptor-table registers and their privilege (SDM Vol. 2, MOV; Vol. 3A, 2.5; Vol. 3B, 17.2).</summary>
internal sealed class ControlTests
{
    private static readonly byte[] MovCr0 = [0x0F, 0x22, 0xC0];
    private static readonly byte[] MovCr3 = [0x0F, 0x22, 0xD8];
    private static readonly byte[] MovCr4 = [0x0F, 0x22, 0xE0];
    private static readonly byte[] MovDr7 = [0x0F, 0x23, 0xF8];

    [TestCase(Cr0.PG, false)]
    [TestCase(Cr0.PE | Cr0.NW, false)]
    [TestCase(Cr0.PE | Cr0.NW | Cr0.CD, true)]
    [TestCase(Cr0.PE | Cr0.PG, true)]
    [TestCase(0u, true)]
    public void Cr0_combinations(uint value, bool allowed)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = value;

        machine.Run<MovControl>(MovCr0).Should().Be(allowed);

        machine.Now.System.Cr0.Should().Be(allowed ? value : Cr0.PE);
        machine.Fault.Should().Be(allowed ? null : (Vector.GP, 0u));
    }

    [Test]
    public void An_80386_ignores_the_bits_that_it_lacks()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Features.Clear();
        machine.Eax = Cr0.PE | Cr0.WP | Cr0.NE | Cr0.NW;

        machine.Run<MovControl>(MovCr0).Should().BeTrue();
        machine.Now.System.Cr0.Should().Be(Cr0.PE);

        machine.Run<MovControl>(MovCr4).Should().BeFalse();
        machine.Fault.Should().Be((Vector.UD, 0u));
    }

    [Test]
    public void Cr4_refuses_what_the_model_lacks()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Features.Remove(Feature.Smep);
        machine.Eax = Cr4.PAE | Cr4.PGE;
        machine.Run<MovControl>(MovCr4).Should().BeTrue();

        machine.Eax = Cr4.SMEP;
        machine.Run<MovControl>(MovCr4).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));
        machine.Now.System.Cr4.Should().Be(Cr4.PAE | Cr4.PGE);
    }

    [TestCase(0x6001ul, true)]
    [TestCase(0x6003ul, false)]
    [TestCase(0x8000000000006001ul, false)]
    [TestCase(0x6002ul, true, TestName = "Absent_entries_may_hold_anything")]
    public void Cr3_loads_the_pdptes_under_pae(ulong entry, bool allowed)
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.System.Cr0 |= Cr0.PG;
        machine.Now.System.Cr4 = Cr4.PAE;
        machine.Set(0x5018, entry);
        machine.Eax = 0x5000;

        machine.Run<MovControl>(MovCr3).Should().Be(allowed);

        machine.Now.System.Pdpte3.Should().Be(allowed ? entry : 0);
        machine.Flushes.Should().Be(allowed ? 1 : 0);
    }

    [Test]
    public void Privilege_is_checked_before_the_monitor_is_asked()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Intercept = InterceptKind.ControlWrite;
        machine.Run<MovControl>(MovCr0).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));
        machine.Exit.Should().BeNull();

        machine = TestMachine.Protected();
        machine.Intercept = InterceptKind.ControlWrite;
        machine.Eax = 5;
        machine.Run<MovControl>(MovCr3).Should().BeFalse();
        machine.Exit.Should().Be((InterceptKind.ControlWrite, Intercepts.Register(3, 0), 5u));
    }

    [Test]
    public void Lmsw_sets_pe_and_never_clears_it()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Eax = 0xFFF0 | Cr0.TS;

        machine.Run<Lmsw>(0x0F, 0x01, 0xF0).Should().BeTrue();

        machine.Now.System.Cr0.Should().Be(Cr0.PE | Cr0.TS);
    }

    [Test]
    public void General_detect_is_a_debug_fault_with_bd()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.System.Dr7 = DebugBits.GD;

        machine.Run<MovDebug>(MovDr7).Should().BeFalse();

        machine.Fault.Should().Be((Vector.DB, DebugBits.BD));
    }

    [Test]
    public void Dr4_is_dr6_or_undefined()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Run<MovDebug>(0x0F, 0x23, 0xE0).Should().BeTrue();
        machine.Now.System.Dr6.Should().Be(DebugBits.Dr6Fixed);

        machine.Now.System.Cr4 = Cr4.DE;
        machine.Run<MovDebug>(0x0F, 0x23, 0xE0).Should().BeFalse();
        machine.Fault.Should().Be((Vector.UD, 0u));
    }

    [Test]
    public void A_16_bit_lgdt_loads_24_bits_of_base()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Set(0x6000, (ushort)0x77);
        machine.Set(0x6002, 0x12345678u);
        machine.Eax = 0x6000;

        machine.Run<Lgdt>(0x66, 0x0F, 0x01, 0x10).Should().BeTrue();
        machine.Now.Gdtr.Base.Should().Be(0x345678);

        machine.Run<Lgdt>(0x0F, 0x01, 0x10).Should().BeTrue();
        machine.Now.Gdtr.Should().Be(new DescriptorTableRegister { Base = 0x12345678, Limit = 0x77 });
    }

    [TestCase(false, true)]
    [TestCase(true, false)]
    public void Sidt_outside_level_0_is_held_off_by_umip_only(bool umip, bool allowed)
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Now.System.Cr4 = umip ? Cr4.UMIP : 0;
        machine.Eax = 0x6000;

        machine.Run<Sidt>(0x0F, 0x01, 0x08).Should().Be(allowed);

        machine.Get<uint>(0x6002).Should().Be(allowed ? TestMachine.Idt : 0);
    }

    [Test]
    public void Lar_and_lsl_tell_by_zf_what_may_be_seen()
    {
        TestMachine machine = TestMachine.Protected(3);
        machine.Eax = 7;
        machine.Ecx = TestMachine.Data0;
        machine.Run<Lar>(0x0F, 0x02, 0xC1).Should().BeTrue();
        machine.Eax.Should().Be(7);
        (machine.Flags & Eflags.ZF).Should().Be(0);

        machine.Ecx = TestMachine.Data3;
        machine.Run<Lar>(0x0F, 0x02, 0xC1).Should().BeTrue();
        (machine.Eax & 0x00F0FF00).Should().Be(0x00C0F200);
        machine.Run<Lsl>(0x0F, 0x03, 0xC1).Should().BeTrue();
        machine.Eax.Should().Be(uint.MaxValue);
        (machine.Flags & Eflags.ZF).Should().Be(Eflags.ZF);
    }

    [Test]
    public void Sysenter_and_sysexit_load_flat_segments()
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Run<Sysenter>(0x0F, 0x34).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));

        machine.Now.System.SysenterCs = TestMachine.Code0;
        machine.Now.System.SysenterEip = 0x1234;
        machine.Run<Sysenter>(0x0F, 0x34).Should().BeTrue();
        machine.Now.Cpl.Should().Be(0);
        machine.Segment(SegmentName.SS).Selector.Should().Be(TestMachine.Data0);
        (machine.Flags & Eflags.VM).Should().Be(0);

        machine.Edx = 0x5678;
        machine.Run<Sysexit>(0x0F, 0x35).Should().BeTrue();
        machine.Now.Cpl.Should().Be(3);
        machine.Segment(SegmentName.CS).Selector.Should().Be(TestMachine.Code3);
        machine.Segment(SegmentName.CS).Limit.Should().Be(uint.MaxValue);
        machine.Now.Eip.Should().Be(0x5678);
    }

    [Test]
    public void Unknown_msrs_are_general_protection()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Ecx = 0x10;
        machine.Run<Rdmsr>(0x0F, 0x32).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));

        machine.Msrs[0x10] = 0x1_0000_0002;
        machine.Run<Rdmsr>(0x0F, 0x32).Should().BeTrue();
        machine.Eax.Should().Be(2);
        machine.Edx.Should().Be(1);
    }

    [Test]
    public void Hlt_asks_the_monitor_first()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Intercept = InterceptKind.Hlt;
        machine.Run<Hlt>(0xF4).Should().BeFalse();
        machine.Halted.Should().BeFalse();

        machine.Intercept = null;
        machine.Run<Hlt>(0xF4).Should().BeTrue();
        machine.Halted.Should().BeTrue();
    }
}
