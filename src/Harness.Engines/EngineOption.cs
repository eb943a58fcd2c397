using System.Globalization;

namespace Harness.Engines;

/// <summary>Options of engines, as a run names them.</summary>
internal static class EngineOption
{
    /// <summary>Address spaces whose shadows are kept under paging=cached.</summary>
    private const int CachedAddressSpaces = 16;

    /// <summary>One of two values; without the option the first.</summary>
    /// <exception cref="ArgumentException">The option has another value.</exception>
    public static string Read(MonitorContext context, string engine, string name, string usual, string other)
    {
        string value = context.Options.GetValueOrDefault(name, usual);
        return value == usual || value == other
            ? value
            : throw new ArgumentException($"The option {name} of {engine} is '{usual}' or '{other}', not '{value}'.");
    }

    /// <summary>A number in a range, both ends included; without the option the usual one.</summary>
    /// <exception cref="ArgumentException">The option is not such a number.</exception>
    public static int ReadNumber(MonitorContext context, string engine, string name, int usual, int least, int most) =>
        !context.Options.TryGetValue(name, out string? text) ? usual
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most ? value
        : throw new ArgumentException($"The option {name} of {engine} is a number from {least} to {most}, not '{text}'.");

    /// <summary>
    /// The option ring, who drives the block device with a ring: "emulated" (the default) leaves its ports to the monitor, "dedicated" to the guest's kernel. True: the
    /// latter, and the machine has the device.
    /// </summary>
    /// <exception cref="ArgumentException">The option has another value.</exception>
    public static bool DedicatesRing(MonitorContext context, string engine) =>
        Read(context, engine, "ring", "emulated", "dedicated") == "dedicated" && context.Emulator.HasRing;

    /// <summary>
    /// The option largePages, how large pages of the guest are shadowed: "off" (the default) by 4 KiB entries, "on" by large ones where the frames allow it. A
    /// processor without large pages has none in its shadows either.
    /// </summary>
    /// <exception cref="ArgumentException">The option has another value.</exception>
    public static bool HasLargePages(MonitorContext context, string engine) =>
        Read(context, engine, "largePages", "off", "on") == "on" && (context.Host.Has(Feature.Nx) || context.Host.Has(Feature.Pse));

    /// <summary>
    /// The option paging, how shadow page tables are kept, as the number of address spaces that have them: "virtual-tlb" (the default) empties them at each
    /// switch, "cached" keeps those of the address spaces that were in use last.
    /// </summary>
    /// <exception cref="ArgumentException">The option has another value.</exception>
    public static int AddressSpaces(MonitorContext context, string engine) =>
        Read(context, engine, "paging", "virtual-tlb", "cached") == "cached" ? CachedAddressSpaces : 1;
}
