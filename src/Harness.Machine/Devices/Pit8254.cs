using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The 8254 interval timer (ports 40h-43h): channel 0 drives IRQ 0, channel 2 the speaker. Counts and outputs are computed from the clock;
/// only the edges of channel 0 are deadlines. Source: Intel 8254 data sheet.
/// </summary>
internal sealed class Pit8254 : Device, IPortDevice
{
    private readonly Platform _platform;
    private readonly ClockRate _rate;
    private readonly PitCounter[] _counters = [new(), new(), new()];
    private long _edge = long.MaxValue;

    public Pit8254(Platform platform) : base("pit")
    {
        _platform = platform;
        _rate = ClockRate.Pit(platform.Options.TicksPerSecond);
        platform.Ports.Map(0x40, 4, 1, this);
    }

    /// <summary>The output of channel 2.</summary>
    public bool Output2 => _counters[2].Output(Cycle);

    private long Cycle => _rate.CyclesAt(_platform.Now);

    /// <summary>Sets the gate of channel 2; those of the others are tied high.</summary>
    public void SetGate2(bool level) => _counters[2].SetGate(level, Cycle);

    public uint In(ushort port, int size) => port == 0x43 ? 0xFFu : _counters[port & 3].Read(Cycle);

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        if (port != 0x43)
        {
            _counters[port & 3].Write(data, Cycle);
        }
        else if (data >= 0xC0)
        {
            for (var i = 0; i < 3; i++)
            {
                if ((data & (2 << i)) != 0)
                {
                    _counters[i].ReadBack(latchCount: (data & 0x20) == 0, latchStatus: (data & 0x10) == 0, Cycle);
                }
            }
        }
        else
        {
            _counters[data >> 6].WriteControl(data, Cycle);
        }

        Schedule(Cycle);
    }

    public override void Expire()
    {
        var counter = _counters[0];
        if (counter.IsRateGenerator)
        {
            // The output is low for the one clock before the edge; that fall is no deadline of its own.
            _platform.SetIrq(0, false);
        }

        Schedule(_edge);
    }

    public override void Reset()
    {
        foreach (var counter in _counters)
        {
            counter.Reset();
        }

        _counters[2].SetGate(false, 0);
        Schedule(Cycle);
    }

    public override void Visit(IStateVisitor visitor)
    {
        for (var i = 0; i < 3; i++)
        {
            visitor.Enter(i == 0 ? "counter0" : i == 1 ? "counter1" : "counter2");
            _counters[i].Visit(visitor);
            visitor.Leave();
        }

        visitor.Value("edge", ref _edge);
    }

    private void Schedule(long cycle)
    {
        var counter = _counters[0];
        _platform.SetIrq(0, counter.Output(cycle));
        _edge = counter.NextEdge(cycle);
        Deadline = _rate.TickOf(_edge);
    }
}
