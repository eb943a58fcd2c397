using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The MC146818 real-time clock with 128 bytes of CMOS RAM (ports 70h-71h, IRQ 8). The time registers are brought up to date when they
/// are looked at; only enabled interrupts are deadlines. Source: Motorola MC146818 data sheet; register use by PC firmware.
/// </summary>
internal sealed class RealTimeClock : Device, IPortDevice
{
    private const int Irq = 8;
    private const int CyclesPerSecond = 32_768;

    // Update-in-progress precedes the update by 244 us: eight cycles.
    private const int UpdateLead = 8;

    private const byte EnableMask = 0x70;
    private const byte PeriodicFlag = 0x40;
    private const byte AlarmFlag = 0x20;
    private const byte UpdateFlag = 0x10;

    private readonly Platform _platform;
    private readonly ClockRate _rate;
    private byte[] _ram = new byte[128];
    private State _s;

    public RealTimeClock(Platform platform) : base("rtc")
    {
        _platform = platform;
        _rate = ClockRate.Rtc(platform.Options.TicksPerSecond);
        platform.Ports.Map(0x70, 2, 1, this);
        _ram[RegisterA] = 0x26;
        _ram[RegisterB] = 0x02;
        _ram[RegisterD] = 0x80;
        CmosContents.Fill(_ram, platform.Options);
        WriteTime(platform.Options.StartTime);
    }

    /// <summary>Bit 7 of port 70h: non-maskable interrupts are held back.</summary>
    public bool NmiMasked => (_s.Index & 0x80) != 0;

    private const int RegisterA = 0x0A;
    private const int RegisterB = 0x0B;
    private const int RegisterC = 0x0C;
    private const int RegisterD = 0x0D;
    private const int Century = 0x32;

    private long Cycle => _rate.CyclesAt(_platform.Now);

    private bool IsRunning => (_ram[RegisterA] & 0x70) == 0x20;

    private bool IsSet => (_ram[RegisterB] & 0x80) != 0;

    private int PeriodCycles
    {
        get
        {
            // Rates 1 and 2 equal 8 and 9 with the 32,768 Hz time base.
            var rate = _ram[RegisterA] & 15;
            return rate switch
            {
                0 => 0,
                1 => 128,
                2 => 256,
                _ => 1 << (rate - 1),
            };
        }
    }

    public uint In(ushort port, int size)
    {
        if (port == 0x70)
        {
            return 0xFF;
        }

        Catch();
        var index = _s.Index & 0x7F;
        byte value = _ram[index];
        if (index == RegisterA && IsRunning && !IsSet && Phase(Cycle) >= CyclesPerSecond - UpdateLead)
        {
            value |= 0x80;
        }
        else if (index == RegisterC)
        {
            _ram[RegisterC] = 0;
            Update();
        }

        return value;
    }

    public void Out(ushort port, int size, uint value)
    {
        if (port == 0x70)
        {
            _s.Index = (byte)value;
            return;
        }

        Catch();
        var index = _s.Index & 0x7F;
        switch (index)
        {
            case RegisterA:
                WriteA((byte)(value & 0x7F));
                break;
            case RegisterB:
                // Setting SET clears UIE.
                _ram[RegisterB] = (byte)((value & 0x80) != 0 ? value & ~0x10u : value);
                break;
            case RegisterC or RegisterD:
                break;
            default:
                _ram[index] = (byte)value;
                break;
        }

        Update();
    }

    public override void Expire()
    {
        Catch();
        Update();
    }

    /// <summary>Clears the interrupt enables and flags; time and RAM are kept by the battery.</summary>
    public override void Reset()
    {
        Catch();
        _ram[RegisterB] &= 0x87;
        _ram[RegisterC] = 0;
        _s.Index = 0;
        Update();
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Bytes("ram", ref _ram);
    }

    private void WriteA(byte value)
    {
        var wasRunning = IsRunning;
        _ram[RegisterA] = value;
        if (!wasRunning && IsRunning)
        {
            // The first update follows the release of the divider by half a second.
            _s.Origin = Cycle - CyclesPerSecond / 2;
            _s.Seen = Cycle;
        }
    }

    private long Phase(long cycle) => (cycle - _s.Origin) % CyclesPerSecond;

    /// <summary>Brings time and flags up to the present.</summary>
    private void Catch()
    {
        var cycle = Cycle;
        var seen = _s.Seen;
        _s.Seen = cycle;
        if (!IsRunning || cycle == seen)
        {
            return;
        }

        var period = PeriodCycles;
        if (period != 0 && (cycle - _s.Origin) / period != (seen - _s.Origin) / period)
        {
            _ram[RegisterC] |= PeriodicFlag;
        }

        var seconds = (cycle - _s.Origin) / CyclesPerSecond - (seen - _s.Origin) / CyclesPerSecond;
        if (seconds != 0 && !IsSet)
        {
            Advance(seconds);
            _ram[RegisterC] |= UpdateFlag;
        }
    }

    private void Advance(long seconds)
    {
        var time = ReadTime();
        var room = (long)(DateTime.MaxValue - time).TotalSeconds;
        var end = time.AddSeconds(Math.Min(seconds, room));

        // The alarm is a time of day: the last day of a longer interval has every match.
        for (var second = Math.Max(1, seconds - 86_400); second <= Math.Min(seconds, room); second++)
        {
            if (IsAlarm(time.AddSeconds(second)))
            {
                _ram[RegisterC] |= AlarmFlag;
                break;
            }
        }

        WriteTime(end);
    }

    private bool IsAlarm(DateTime time) =>
        Matches(_ram[1], Encode(time.Second)) && Matches(_ram[3], Encode(time.Minute)) && Matches(_ram[5], EncodeHour(time.Hour));

    // An alarm byte with both high bits set matches every value.
    private static bool Matches(byte alarm, byte value) => alarm >= 0xC0 || alarm == value;

    private void Update()
    {
        var flags = _ram[RegisterC] & EnableMask;
        var asserted = (flags & _ram[RegisterB]) != 0;
        _ram[RegisterC] = (byte)(asserted ? flags | 0x80 : flags);
        _platform.SetIrq(Irq, asserted);

        var next = long.MaxValue;
        var cycle = Cycle - _s.Origin;
        if (IsRunning && !asserted)
        {
            var period = PeriodCycles;
            if ((_ram[RegisterB] & PeriodicFlag) != 0 && period != 0)
            {
                next = _s.Origin + (cycle / period + 1) * period;
            }

            if ((_ram[RegisterB] & (AlarmFlag | UpdateFlag)) != 0 && !IsSet)
            {
                next = Math.Min(next, _s.Origin + (cycle / CyclesPerSecond + 1) * CyclesPerSecond);
            }
        }

        Deadline = _rate.TickOf(next);
    }

    private byte Encode(int value) => (byte)((_ram[RegisterB] & 0x04) != 0 ? value : value / 10 << 4 | value % 10);

    private int Decode(byte value) => (_ram[RegisterB] & 0x04) != 0 ? value : (value >> 4) * 10 + (value & 15);

    private byte EncodeHour(int hour)
    {
        if ((_ram[RegisterB] & 0x02) != 0)
        {
            return Encode(hour);
        }

        var twelve = hour % 12 == 0 ? 12 : hour % 12;
        return (byte)(Encode(twelve) | (hour >= 12 ? 0x80 : 0));
    }

    private int DecodeHour(byte value)
    {
        if ((_ram[RegisterB] & 0x02) != 0)
        {
            return Decode(value);
        }

        return Decode((byte)(value & 0x7F)) % 12 + (value >= 0x80 ? 12 : 0);
    }

    /// <summary>The time that the registers hold; what a guest wrote out of range is brought into it.</summary>
    private DateTime ReadTime()
    {
        var year = Math.Clamp(Decode(_ram[Century]) * 100 + Decode(_ram[9]), 1, 9999);
        var month = Math.Clamp(Decode(_ram[8]), 1, 12);
        var day = Math.Clamp(Decode(_ram[7]), 1, DateTime.DaysInMonth(year, month));
        return new DateTime(
            year, month, day, Math.Min(DecodeHour(_ram[4]), 23), Math.Min(Decode(_ram[2]), 59), Math.Min(Decode(_ram[0]), 59), DateTimeKind.Utc);
    }

    private void WriteTime(DateTime time)
    {
        _ram[0] = Encode(time.Second);
        _ram[2] = Encode(time.Minute);
        _ram[4] = EncodeHour(time.Hour);
        _ram[6] = Encode((int)time.DayOfWeek + 1);
        _ram[7] = Encode(time.Day);
        _ram[8] = Encode(time.Month);
        _ram[9] = Encode(time.Year % 100);
        _ram[Century] = Encode(time.Year / 100);
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public byte Index;

        // The cycle at which the divider chain stood at zero.
        public long Origin;

        // The cycle up to which time and flags are known.
        public long Seen;
    }
}
