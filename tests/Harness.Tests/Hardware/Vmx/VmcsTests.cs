using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine.State;
using NUnit.Framework;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>The VMCS as data: its fields, its text, its saved state.</summary>
public sealed class VmcsTests
{
    [Test]
    public void Encodings_say_type_and_width_and_no_field_overlaps_another()
    {
        int end = VmcsFields.Start;
        foreach (VmcsFieldRow row in VmcsFields.Rows)
        {
            ((uint)row.Field & 0x9001).Should().Be(0, "bit 0 and the reserved bits of {0} are 0", row.Name);
            row.Offset.Should().Be(end);
            end += row.Size;
        }

        VmcsFields.Rows.Select(r => r.Field).Should().BeEquivalentTo(Enum.GetValues<VmcsField>());
        VmcsFields.End.Should().BeLessThanOrEqualTo(new VmxMachine().Vmx.Unit.Capabilities.RegionSize);
        VmcsFields.Find((uint)VmcsField.TscOffset + 1).Should().Be(VmcsFields.Row(VmcsField.TscOffset));
        VmcsFields.Find((uint)VmcsField.GuestCr0 + 1).Should().BeNull();
        VmcsFields.Find(0x10000).Should().BeNull();
    }

    [Test]
    public void The_text_lists_every_field_once()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.cpuid());
        machine.Run();
        string text = VmcsText.Render(machine.Processor.Memory, new PhysicalAddress(VmxMachine.VmcsRegion));
        text.Should().StartWith("VMCS at 00011000: revision 00000003, launched, VMX-abort indicator 0\n\nGuest-state area\n  0800  Guest ES selector ");
        text.Should().Contain("  4402  Exit reason                                  0000000A (CPUID)\n");
        text.Split('\n').Count(l => l.StartsWith("  ", StringComparison.Ordinal)).Should().Be(VmcsFields.Rows.Count);
    }

    [Test]
    public void The_unit_can_be_saved_in_the_guest_and_restored()
    {
        using VmxMachine machine = VmxMachine.WithGuest(a => a.vmcall());
        machine.Vmx.Vmlaunch();
        SavedState saved = SavedState.Capture(machine.Vmx.Unit);
        machine.Processor.Run(machine.Processor.Ticks + 10);
        machine.Vmx.Vmxoff();
        saved.ApplyTo(machine.Vmx.Unit);
        machine.Vmx.Unit.InOperation.Should().BeTrue();
        machine.Vmx.Unit.CurrentVmcs.Should().Be(new PhysicalAddress(VmxMachine.VmcsRegion));
    }
}
