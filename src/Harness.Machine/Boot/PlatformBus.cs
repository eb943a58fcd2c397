using Harness.Machine.Devices;

namespace Harness.Machine;

/// <summary>A processor's view of a chipset.</summary>
public sealed class PlatformBus(Platform platform) : IProcessorBus
{
    public long NextDeadline => platform.NextDeadline;

    public bool InterruptPending => platform.InterruptPending;

    public bool NmiPending => platform.NmiPending;

    public bool NmiComes => platform.NmiComes;

    public bool StopRequested => platform.ExitCode is not null || platform.ResetRequested || platform.ShutdownRequested;

    public uint In(ushort port, int size, long now)
    {
        platform.Now = now;
        return platform.In(port, size);
    }

    public void Out(ushort port, int size, uint value, long now)
    {
        platform.Now = now;
        platform.Out(port, size, value);
    }

    public void SetNow(long now) => platform.Now = now;

    public void AdvanceTo(long now) => platform.AdvanceTo(now);

    public byte AcknowledgeInterrupt() => platform.AcknowledgeInterrupt();

    public void AcknowledgeNmi() => platform.AcknowledgeNmi();
}
