namespace Harness.Vmm;

/// <summary>What interrupts the host's processor, and what answers its ports.</summary>
internal sealed partial class Host
{
    /// <summary>Told of each host interrupt that takes the guest from the processor.</summary>
    public event Action? Interrupted;

    public bool HasDedicatedRing { get; private set; }

    public void DedicateRing() => HasDedicatedRing = true;

    /// <summary>A device has written by itself to a page of which the monitor has to hear at once.</summary>
    public void NoteDeviceReport() => _interrupt |= HasDedicatedRing;

    long IProcessorBus.NextDeadline =>
        Math.Min(_interrupt ? long.MaxValue : Math.Min(_interruptAt, SliceEnd), HasDedicatedRing ? _platform.RingDeadline : long.MaxValue);

    void IProcessorBus.AdvanceTo(long now)
    {
        if (now >= Math.Min(_interruptAt, SliceEnd))
        {
            _interrupt = true;
            _interruptAt = long.MaxValue;
        }

        if (HasDedicatedRing && now >= _platform.RingDeadline)
        {
            bool before = _platform.RingHasTold;
            _platform.AdvanceTo(now);
            _interrupt |= !before && _platform.RingHasTold;
        }
    }

    bool IProcessorBus.InterruptPending => _interrupt;

    byte IProcessorBus.AcknowledgeInterrupt()
    {
        _interrupt = false;
        Interrupted?.Invoke();
        return HostInterruptVector;
    }

    bool IProcessorBus.NmiPending => false;

    void IProcessorBus.AcknowledgeNmi()
    {
    }

    bool IProcessorBus.StopRequested => false;

    void IProcessorBus.SetNow(long now)
    {
    }

    // No other device of the host answers: a guest that reaches a host port directly finds nothing there.
    uint IProcessorBus.In(ushort port, int size, long now)
    {
        if (!IsOfRing(port, size))
        {
            return uint.MaxValue >> (32 - 8 * size);
        }

        _platform.Now = now;
        return _platform.In(port, size);
    }

    void IProcessorBus.Out(ushort port, int size, uint value, long now)
    {
        if (IsOfRing(port, size))
        {
            _platform.Now = now;
            _platform.Out(port, size, value);
        }
    }

    private bool IsOfRing(ushort port, int size) =>
        HasDedicatedRing && port >= BlockRingInterface.FirstPort && port + size <= BlockRingInterface.FirstPort + BlockRingInterface.Ports;
}
