namespace Harness.Machine.Devices;

/// <summary>
/// The exact relation between a device clock of <c>Numerator / Denominator</c> Hz and guest ticks. Everything is computed from the
/// absolute cycle or tick number, so no error accumulates.
/// </summary>
/// <param name="Numerator">Numerator of the frequency in Hz.</param>
/// <param name="Denominator">Denominator of the frequency in Hz.</param>
/// <param name="TicksPerSecond">Guest ticks in a second.</param>
public readonly record struct ClockRate(ulong Numerator, ulong Denominator, ulong TicksPerSecond)
{
    /// <summary>Whole device cycles that have passed at a tick.</summary>
    public long CyclesAt(long tick) => (long)((UInt128)(ulong)tick * Numerator / ((UInt128)Denominator * TicksPerSecond));

    /// <summary>The first tick at which a cycle has passed; <see cref="long.MaxValue"/> if it lies beyond the last tick.</summary>
    public long TickOf(long cycle)
    {
        if (cycle == long.MaxValue)
        {
            return long.MaxValue;
        }

        var tick = ((UInt128)(ulong)cycle * Denominator * TicksPerSecond + Numerator - 1) / Numerator;
        return tick >= long.MaxValue ? long.MaxValue : (long)tick;
    }

    /// <summary>The 8254 of the PC: 14.31818 MHz / 12.</summary>
    public static ClockRate Pit(ulong ticksPerSecond) => new(13_125_000, 11, ticksPerSecond);

    /// <summary>The crystal of the MC146818.</summary>
    public static ClockRate Rtc(ulong ticksPerSecond) => new(32_768, 1, ticksPerSecond);

    /// <summary>The ACPI power-management timer: 14.31818 MHz / 4.</summary>
    public static ClockRate PmTimer(ulong ticksPerSecond) => new(39_375_000, 11, ticksPerSecond);

    /// <summary>The 28.322 MHz dot clock of VGA text modes.</summary>
    public static ClockRate VgaDots(ulong ticksPerSecond) => new(28_322_000, 1, ticksPerSecond);
}
