namespace Harness.Engines;

/// <summary>
/// The guest on one processor that is its own from the first instruction to the last, devices included: the machine itself, or a whole machine in software.
/// Nothing is left for a monitor to do but resets.
/// </summary>
internal sealed class WholeMachine(MonitorContext context, Action<RetiredCounts, long> account) : IMonitor
{
    public string? StopReason => null;

    public bool IsEmulating => true;

    public GuestEnd Run(long limit)
    {
        Emulator emulator = context.Emulator;
        while (true)
        {
            GuestEnd end = emulator.Run(limit);
            account(context.Retired, emulator.Retired);
            if (end != GuestEnd.Stopped || !emulator.ResetRequested)
            {
                return end;
            }

            emulator.Reset();
        }
    }

    public void Translate(ref GuestRegisters registers)
    {
    }

    public void Dispose()
    {
    }
}
