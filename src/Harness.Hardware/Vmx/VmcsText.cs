using System.Globalization;
using System.Text;

namespace Harness.Hardware.Vmx;

/// <summary>A VMCS as text: its header, then the fields by group, each with encoding, name and value in hexadecimal.</summary>
public static class VmcsText
{
    private static readonly (VmcsGroup Group, string Title)[] Groups =
    [
        (VmcsGroup.GuestState, "Guest-state area"),
        (VmcsGroup.HostState, "Host-state area"),
        (VmcsGroup.ExecutionControls, "VM-execution control fields"),
        (VmcsGroup.ExitControls, "VM-exit control fields"),
        (VmcsGroup.EntryControls, "VM-entry control fields"),
        (VmcsGroup.ExitInformation, "VM-exit information fields"),
    ];

    /// <summary>The VMCS whose region lies at an address, with lines that end in LF.</summary>
    public static string Render(PhysicalMemory memory, PhysicalAddress region)
    {
        var source = new VmcsRegion(memory);
        var image = new VmcsImage();
        source.Load(region.Value, image);
        var text = new StringBuilder();
        string state = source.IsLaunched(region.Value) ? "launched" : "clear";
        Line(text, $"VMCS at {region}: revision {source.Revision(region.Value):X8}, {state}, VMX-abort indicator {source.Abort(region.Value)}");
        foreach ((VmcsGroup group, string title) in Groups)
        {
            text.Append('\n');
            Line(text, $"{title}");
            foreach (VmcsFieldRow row in VmcsFields.Rows.Where(r => r.Group == group))
            {
                Line(text, $"  {(uint)row.Field:X4}  {row.Name,-43}  {Value(row, image)}");
            }
        }

        return text.ToString();
    }

    private static string Value(VmcsFieldRow row, VmcsImage image)
    {
        string value = image[row].ToString("X" + 2 * row.Size, CultureInfo.InvariantCulture);
        return row.Field == VmcsField.ExitReason ? $"{value} ({ExitReasons.Name((ExitReason)(image.Low(VmcsField.ExitReason) & 0xFFFF))})" : value;
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
