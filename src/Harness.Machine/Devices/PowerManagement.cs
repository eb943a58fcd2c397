using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The power-management function of the 82371AB (00:01.3) with its ACPI registers at PMBASE and the APM ports B2h-B3h; SCI is IRQ 9.
/// System management mode is not modelled: APMC_EN reads as set, by which firmware knows that the SMI handler is in place, and the two
/// services of that handler that an operating system asks for, ACPI enable and disable, are done here. Source: 82371AB data sheet, 7 and 11.
/// </summary>
internal sealed class PowerManagement : PciFunction, IRelocatablePorts
{
    private const int SciIrq = 9;
    private const int RegionLength = 64;
    private const ushort TimerStatus = 0x0001;
    private const ushort StatusBits = 0x8D31;
    private const ushort EnableBits = 0x0521;

    // The timer's status is set each time bit 23 of its 24-bit counter changes.
    private const int TimerStatusShift = 23;

    private readonly Platform _platform;
    private readonly ClockRate _rate;
    private State _s;

    public PowerManagement(Platform platform, PciBus bus) : base("piix4-pm")
    {
        _platform = platform;
        _rate = ClockRate.PmTimer(platform.Options.TicksPerSecond);
        bus.Add(1, 3, this);
        platform.Ports.Map(0xB2, 2, 1, this);
        platform.Ports.Add(this);

        var isOpen = platform.Options.BiosImage is null;
        Identify(0x7113, 0x0680_0003, headerType: 0x00, command: 0x0001, status: 0x0280);
        Declare(0x3C, 2, 0x0109, 0x00FF);
        Declare(0x40, 4, isOpen ? 0x601u : 1u, 0xFFC0);

        // DEVACTB: APMC_EN.
        Declare(0x58, 4, 0x0200_0000, 0xFDFF_FFFF);
        Declare(0x80, 1, isOpen ? 1u : 0, 0x01);
    }

    public int WidestAt(ushort port)
    {
        var offset = port - (int)(Read(0x40, 2) & 0xFFC0);
        return (Read(0x80, 1) & 1) != 0 && offset is >= 0 and < RegionLength ? 4 : 0;
    }

    public uint In(ushort port, int size)
    {
        if (port is 0xB2 or 0xB3)
        {
            return port == 0xB2 ? _s.ApmControl : _s.ApmStatus;
        }

        Catch();
        var offset = port & (RegionLength - 1);
        var value = 0u;
        for (var i = 0; i < size; i++)
        {
            value |= (uint)ReadByte(offset + i) << (8 * i);
        }

        return value;
    }

    public void Out(ushort port, int size, uint value)
    {
        if (port is 0xB2 or 0xB3)
        {
            WriteApm(port, (byte)value);
            return;
        }

        Catch();
        var offset = port & (RegionLength - 1);
        for (var i = 0; i < size; i++)
        {
            WriteByte(offset + i, (byte)(value >> (8 * i)));
        }

        Update();
    }

    public override void Expire()
    {
        Catch();
        Update();
    }

    public override void Reset()
    {
        base.Reset();
        _s = new State { TimerSeen = _rate.CyclesAt(_platform.Now) >> TimerStatusShift };
        Update();
    }

    public override void Visit(IStateVisitor visitor)
    {
        base.Visit(visitor);
        visitor.Value("state", ref _s);
    }

    private void WriteApm(ushort port, byte value)
    {
        if (port == 0xB3)
        {
            _s.ApmStatus = value;
            return;
        }

        _s.ApmControl = value;
        if (value is 0xF0 or 0xF1)
        {
            // ACPI disable and enable.
            _s.Control = (ushort)((_s.Control & ~1) | (value & 1));
            Catch();
            Update();
        }
    }

    private byte ReadByte(int offset) => offset switch
    {
        0 or 1 => (byte)(_s.Status >> (8 * offset)),
        2 or 3 => (byte)(_s.Enable >> (8 * (offset - 2))),
        4 or 5 => (byte)(_s.Control >> (8 * (offset - 4))),
        >= 8 and < 11 => (byte)(_rate.CyclesAt(_platform.Now) >> (8 * (offset - 8))),
        >= 0x28 and < 0x2C => (byte)(_s.GlobalControl >> (8 * (offset - 0x28))),
        _ => 0,
    };

    private void WriteByte(int offset, byte value)
    {
        switch (offset)
        {
            case 0 or 1:
                _s.Status &= (ushort)~(value << (8 * offset));
                break;
            case 2 or 3:
                _s.Enable = (ushort)(Insert(_s.Enable, offset - 2, value) & EnableBits);
                break;
            case 4:
                _s.Control = (ushort)Insert(_s.Control, 0, value);
                break;
            case 5:
                // SLP_EN reads as 0; sleep type 0 is soft off.
                _s.Control = (ushort)Insert(_s.Control, 1, (byte)(value & 0x1C));
                if ((value & 0x3C) == 0x20)
                {
                    _platform.RequestShutdown();
                }

                break;
            case >= 0x28 and < 0x2C:
                _s.GlobalControl = Insert(_s.GlobalControl, offset - 0x28, value);
                break;
            default:
                break;
        }
    }

    private static uint Insert(uint register, int index, byte value) => (register & ~(0xFFu << (8 * index))) | (uint)value << (8 * index);

    private void Catch()
    {
        var halves = _rate.CyclesAt(_platform.Now) >> TimerStatusShift;
        if (halves != _s.TimerSeen)
        {
            _s.TimerSeen = halves;
            _s.Status |= TimerStatus;
        }
    }

    private void Update()
    {
        _s.Status &= StatusBits;
        _platform.SetIrq(SciIrq, (_s.Control & 1) != 0 && (_s.Status & _s.Enable) != 0);
        var isTimed = (_s.Enable & TimerStatus) != 0 && (_s.Status & TimerStatus) == 0;
        Deadline = isTimed ? _rate.TickOf((_s.TimerSeen + 1) << TimerStatusShift) : long.MaxValue;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public ushort Status;
        public ushort Enable;
        public ushort Control;
        public uint GlobalControl;
        public byte ApmControl;
        public byte ApmStatus;

        // Half periods of the timer, of 2^23 cycles, that the status register accounts for.
        public long TimerSeen;
    }
}
