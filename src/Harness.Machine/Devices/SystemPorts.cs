using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The single registers of the system board: port 61h (speaker, channel 2 of the timer), port 80h (power-on self-test code), port 92h (A20, fast
/// reset) and CF9h (reset control). Port 92h and the keyboard controller set one A20 gate: the last write counts. Source: 82371SB data sheet.
/// </summary>
internal sealed class SystemPorts : Device, IPortDevice
{
    // The refresh request toggles every 15 us: 18 clocks of the timer.
    private const int RefreshCycles = 18;

    private readonly Platform _platform;
    private readonly Pit8254 _pit;
    private readonly ClockRate _rate;
    private State _s;

    public SystemPorts(Platform platform, Pit8254 pit) : base("system")
    {
        _platform = platform;
        _pit = pit;
        _rate = ClockRate.Pit(platform.Options.TicksPerSecond);
        platform.Ports.Map(0x61, 1, 1, this);
        platform.Ports.Map(0x92, 1, 1, this);
        platform.Ports.Map(0xCF9, 1, 1, this);

        // A debug port may listen in the place of the self-test code.
        if (platform.Ports.IsFree(0x80))
        {
            platform.Ports.Map(0x80, 1, 1, this);
        }
    }

    public uint In(ushort port, int size) => port switch
    {
        0x61 => (uint)(_s.Port61 | (_rate.CyclesAt(_platform.Now) / RefreshCycles % 2 << 4) | (_pit.Output2 ? 0x20u : 0)),
        0x92 => _platform.A20 ? 0x02u : 0,
        0x80 => _s.PostCode,
        _ => _s.ResetControl,
    };

    public void Out(ushort port, int size, uint value)
    {
        switch (port)
        {
            case 0x61:
                _s.Port61 = (byte)(value & 0x0F);
                _pit.SetGate2((value & 1) != 0);
                break;
            case 0x92:
                _platform.A20 = (value & 0x02) != 0;
                if ((value & 0x01) != 0)
                {
                    _platform.RequestReset();
                }

                break;
            case 0x80:
                _s.PostCode = (byte)value;
                break;
            default:
                if ((value & ~_s.ResetControl & 0x04) != 0)
                {
                    _platform.RequestReset();
                }

                _s.ResetControl = (byte)(value & 0x06);
                break;
        }
    }

    public override void Reset() => _s = default;

    public override void Visit(IStateVisitor visitor) => visitor.Value("state", ref _s);

    private struct State
    {
        public byte Port61;
        public byte PostCode;
        public byte ResetControl;
    }
}
