using System.Globalization;

namespace Harness.Vmm;

/// <summary>
/// Whether a host may take machines on (Waldspurger, OSDI 2002, 6.2): the minimum of each and what its monitor needs have to be there in memory, and what is beyond the minimum
/// has to fit into swap space, so that a machine can always be brought down to its minimum.
/// </summary>
public static class Admission
{
    /// <summary>Memory of the host that a machine takes beside its guest's, in bytes: its monitor's.</summary>
    public const long Overhead = GuestMachine.MonitorBytes;

    /// <summary>Why the machines cannot all run, in words; null if they can.</summary>
    public static string? Refuses(HostOptions host, IReadOnlyList<HostedMachine> machines)
    {
        if (host.Mistake is { } mistake)
        {
            throw new ArgumentException($"The host: {mistake}.", nameof(host));
        }

        if (machines.Sum(m => m.MinimumPercent) is > 100 and var sum)
        {
            return Text($"the least parts of the processor that the machines are to have add up to {sum} %");
        }

        long memory = host.MemoryBytes;
        long swap = host.SwapBytes;
        foreach (HostedMachine machine in machines)
        {
            if (machine.MinimumBytes < 0 || machine.MinimumBytes > machine.MaximumBytes)
            {
                return Text($"{machine.Name}: a minimum from 0 to its {machine.MaximumBytes >> 10} KiB was expected; found {machine.MinimumBytes >> 10} KiB");
            }

            long needed = machine.MinimumBytes + Overhead;
            if (needed > memory)
            {
                return Text($"{machine.Name}: its minimum and its monitor need {needed >> 10} KiB of memory; {memory >> 10} KiB are not reserved");
            }

            long overcommitted = machine.MaximumBytes - machine.MinimumBytes;
            if (overcommitted > swap)
            {
                return Text($"{machine.Name}: beyond its minimum it may have {overcommitted >> 10} KiB; {swap >> 10} KiB of swap space are not reserved");
            }

            memory -= needed;
            swap -= overcommitted;
        }

        return Frames(host, machines.Count) is var frames && frames < machines.Count
            ? Text($"a page for the guest of each machine was expected beside the monitors; found {frames}")
            : null;
    }

    /// <summary>Frames that guests can have together, once each monitor has its memory.</summary>
    internal static int Frames(HostOptions host, int machines) => (int)((host.MemoryBytes - machines * Overhead) / Ram.PageSize);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
