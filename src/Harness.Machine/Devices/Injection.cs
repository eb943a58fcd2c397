using System.Globalization;

namespace Harness.Machine.Devices;

/// <summary>A disturbance of a machine from outside, at the first boundary at or after a guest tick.</summary>
public abstract record Injection
{
    private Injection(long tick) => Tick = tick;

    /// <summary>Guest tick.</summary>
    public long Tick { get; }

    /// <summary>An edge on a line of the interrupt controllers. A line that a device drives may lose it again.</summary>
    /// <param name="tick">Guest tick.</param>
    /// <param name="line">0 to 15; 5, 9, 10 and 11 are free.</param>
    public static Injection Interrupt(long tick, int line = 5) => line is >= 0 and <= 15
        ? new OfInterrupt(tick, line)
        : throw new ArgumentOutOfRangeException(nameof(line), $"Expected a line from 0 to 15; found {line}.");

    /// <summary>A non-maskable interrupt.</summary>
    public static Injection Nmi(long tick) => new OfNmi(tick);

    /// <summary>One bit of RAM changes, as by a failing memory.</summary>
    /// <param name="tick">Guest tick.</param>
    /// <param name="address">Guest-physical.</param>
    /// <param name="bit">0 to 7.</param>
    public static Injection BitFlip(long tick, PhysicalAddress address, int bit) => bit is >= 0 and <= 7
        ? new OfBitFlip(tick, address, bit)
        : throw new ArgumentOutOfRangeException(nameof(bit), $"Expected a bit from 0 to 7; found {bit}.");

    /// <summary>
    /// A page is taken out of memory as a pager would: P is cleared in the entry that maps it in the page tables in use, and its translation is forgotten. Nothing
    /// happens where paging is off or the page is not there.
    /// </summary>
    /// <param name="tick">Guest tick.</param>
    /// <param name="address">Any of the page.</param>
    public static Injection PageOut(long tick, LinearAddress address) => new OfPageOut(tick, address);

    internal sealed record OfInterrupt(long At, int Line) : Injection(At)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"an interrupt on line {Line} at tick {At}");
    }

    internal sealed record OfNmi(long At) : Injection(At)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"an NMI at tick {At}");
    }

    internal sealed record OfPageOut(long At, LinearAddress Address) : Injection(At)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"a page-out at {Address}, tick {At}");
    }

    internal sealed record OfBitFlip(long At, PhysicalAddress Address, int Bit) : Injection(At)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"a flip of bit {Bit} of {Address} at tick {At}");
    }
}
