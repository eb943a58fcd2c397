using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>POPF, PUSHF, CLI, STI (SDM Vol. 2, POPF Table 4-16, CLI Table 3-6; Vol. 3B, 20.3 and 20.4).</summary>
internal sealed class FlagWriteTests
{
    private const uint AllFlags = 0x003F7FD7;
    private const uint Kept = Eflags.VM | Eflags.VIF | Eflags.VIP | Eflags.RF;

    [TestCase(0, 0, AllFlags & ~Kept)]
    [TestCase(3, 3, AllFlags & ~Kept)]
    [TestCase(3, 0, AllFlags & ~(Kept | Eflags.IF | Eflags.IOPL))]
    [TestCase(3, 1, (AllFlags & ~(Kept | Eflags.IF | Eflags.IOPL)) | 1u << Eflags.IoplShift)]
    public void Popfd_by_level_and_iopl(int cpl, int iopl, uint expected)
    {
        TestMachine machine = TestMachine.Protected(cpl);
        machine.Now.Flags |= (uint)iopl << Eflags.IoplShift;
        machine.Set(machine.Esp, AllFlags);

        machine.Run<Popfd>(0x9D).Should().BeTrue();

        machine.Flags.Should().Be(expected);
    }

    [Test]
    public void Popfd_leaves_what_the_model_lacks()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Features.Clear();
        machine.Set(machine.Esp, AllFlags);

        machine.Run<Popfd>(0x9D).Should().BeTrue();

        (machine.Flags & (Eflags.AC | Eflags.ID)).Should().Be(0);
    }

    [TestCase(3, false, 0u, Eflags.IF, true, Eflags.IF)]
    [TestCase(0, false, 0u, Eflags.IF, false, 0u)]
    [TestCase(0, true, 0u, Eflags.IF, true, Eflags.VIF)]
    [TestCase(0, true, Eflags.VIP, Eflags.IF, false, Eflags.VIP)]
    [TestCase(0, true, Eflags.VIP, 0u, true, Eflags.VIP)]
    [TestCase(0, true, 0u, Eflags.TF, false, 0u)]
    public void Popf_in_virtual_8086_mode(int iopl, bool vme, uint before, uint image, bool allowed, uint after)
    {
        TestMachine machine = TestMachine.Virtual8086(iopl);
        machine.Now.System.Cr4 = vme ? Cr4.VME : 0;
        machine.Now.Flags |= before;
        machine.Set(0x9000, (ushort)image);

        machine.Run<Popf>(0x9D).Should().Be(allowed);

        machine.Flags.Should().Be(Eflags.Fixed | Eflags.VM | (uint)iopl << Eflags.IoplShift | after);
    }

    [Test]
    public void Popfd_in_virtual_8086_mode_is_general_protection_even_with_vme()
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Now.System.Cr4 = Cr4.VME;

        machine.Run<Popfd>(0x66, 0x9D).Should().BeFalse();
    }

    [Test]
    public void Pushf_shows_vif_as_if_and_iopl_3()
    {
        TestMachine machine = TestMachine.Virtual8086(0);
        machine.Run<Pushf>(0x9C).Should().BeFalse();
        machine.Fault.Should().Be((Vector.GP, 0u));

        machine.Now.System.Cr4 = Cr4.VME;
        machine.Now.Flags |= Eflags.VIF;
        machine.Run<Pushf>(0x9C).Should().BeTrue();
        machine.Get<ushort>(0x8FFE).Should().Be((ushort)(Eflags.IF | Eflags.IOPL | Eflags.Fixed));
    }

    [Test]
    public void Pushfd_hides_vm_and_rf()
    {
        TestMachine machine = TestMachine.Virtual8086(3);
        machine.Now.Flags |= Eflags.RF;

        machine.Run<Pushfd>(0x66, 0x9C).Should().BeTrue();

        machine.Get<uint>(0x8FFC).Should().Be(Eflags.Fixed | Eflags.IOPL);
    }

    [TestCase(0, 0, 0u, 0u, true, Eflags.IF)]
    [TestCase(3, 3, 0u, 0u, true, Eflags.IF)]
    [TestCase(3, 2, 0u, 0u, false, 0u)]
    [TestCase(3, 0, Cr4.PVI, 0u, true, Eflags.VIF)]
    [TestCase(3, 0, Cr4.PVI, Eflags.VIP, false, Eflags.VIP)]
    [TestCase(3, 0, Cr4.VME, 0u, false, 0u)]
    public void Sti_in_protected_mode(int cpl, int iopl, uint cr4, uint before, bool allowed, uint after)
    {
        TestMachine machine = TestMachine.Protected(cpl);
        machine.Now.System.Cr4 = cr4;
        machine.Now.Flags |= (uint)iopl << Eflags.IoplShift | before;

        machine.Run<Sti>(0xFB).Should().Be(allowed);

        machine.Flags.Should().Be(Eflags.Fixed | (uint)iopl << Eflags.IoplShift | after);
        machine.Inhibited.Should().Be(after == Eflags.IF ? false : null);
    }

    [TestCase(3, 0u, true, Eflags.VIF)]
    [TestCase(0, 0u, false, Eflags.IF | Eflags.VIF)]
    [TestCase(0, Cr4.VME, true, Eflags.IF)]
    [TestCase(0, Cr4.PVI, false, Eflags.IF | Eflags.VIF)]
    public void Cli_in_virtual_8086_mode(int iopl, uint cr4, bool allowed, uint after)
    {
        TestMachine machine = TestMachine.Virtual8086(iopl);
        machine.Now.System.Cr4 = cr4;
        machine.Now.Flags |= Eflags.IF | Eflags.VIF;

        machine.Run<Harness.Isa.Instructions.Cli>(0xFA).Should().Be(allowed);

        machine.Flags.Should().Be(Eflags.Fixed | Eflags.VM | (uint)iopl << Eflags.IoplShift | after);
    }

    [Test]
    public void Sti_with_if_set_casts_no_shadow()
    {
        TestMachine machine = TestMachine.Protected();
        machine.Now.Flags |= Eflags.IF;

        machine.Run<Sti>(0xFB).Should().BeTrue();

        machine.Inhibited.Should().BeNull();
    }
}
