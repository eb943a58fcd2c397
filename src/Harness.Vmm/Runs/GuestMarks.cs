using System.Globalization;

namespace Harness.Vmm;

/// <summary>Places in a guest by name.</summary>
public static class GuestMarks
{
    /// <summary>"popf" at the start of the mark, "popf+2" within it, else the address; of nested marks the one that starts last.</summary>
    public static string Locate(this GuestImage guest, LinearAddress address)
    {
        GuestMark? best = null;
        foreach (GuestMark mark in guest.Marks)
        {
            if (address.Value >= mark.Start.Value && address.Value < mark.End.Value && (best is not { } other || mark.Start.Value >= other.Start.Value))
            {
                best = mark;
            }
        }

        return best is not { } found ? address.ToString()
            : address == found.Start ? found.Name
            : string.Create(CultureInfo.InvariantCulture, $"{found.Name}+{address.Value - found.Start.Value:X}");
    }
}
