using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// One counter of the 8254. Nothing counts: the count and the output at a cycle follow from the cycle at which the count was loaded.
/// A count written to a running counter in mode 2 or 3 takes effect at the end of its period; in mode 3 the data sheet would already take
/// it at the end of the half period.
/// </summary>
internal sealed class PitCounter
{
    private State _s;

    /// <summary>True in mode 2, whose output is high but for one clock.</summary>
    public bool IsRateGenerator => _s.Mode == 2;

    private bool IsPeriodic => _s.Mode is 2 or 3;

    private bool IsTriggered => _s.Mode is 1 or 5;

    private int Modulus => _s.Bcd ? 10_000 : 0x10000;

    public void Reset() => _s = new State { Access = 3, Gate = true, Frozen = -1 };

    public void Visit(IStateVisitor visitor) => visitor.Value("state", ref _s);

    /// <summary>Writes a control word that selects this counter: bits 5:0.</summary>
    public void WriteControl(byte value, long cycle)
    {
        var access = (byte)((value >> 4) & 3);
        if (access == 0)
        {
            ReadBack(latchCount: true, latchStatus: false, cycle);
            return;
        }

        var mode = (byte)((value >> 1) & 7);
        _s = new State
        {
            Access = access,
            // Bit 2 of the mode is ignored in modes 2 and 3.
            Mode = mode > 5 ? (byte)(mode & 3) : mode,
            Bcd = (value & 1) != 0,
            Gate = _s.Gate,
            Frozen = -1,
        };
    }

    /// <summary>Latches the count or the status until it is read.</summary>
    public void ReadBack(bool latchCount, bool latchStatus, long cycle)
    {
        if (latchStatus && !_s.StatusLatched)
        {
            _s.StatusLatched = true;
            var isNull = !_s.Loaded || _s.Next != 0 || (_s.Frozen < 0 && cycle < _s.Start);
            _s.Status = (byte)((Output(cycle) ? 0x80 : 0) | (isNull ? 0x40 : 0) | _s.Access << 4 | _s.Mode << 1 | (_s.Bcd ? 1 : 0));
        }

        if (latchCount && !_s.CountLatched)
        {
            _s.CountLatched = true;
            _s.Latch = Count(cycle);
        }
    }

    public byte Read(long cycle)
    {
        if (_s.StatusLatched)
        {
            _s.StatusLatched = false;
            return _s.Status;
        }

        var count = _s.CountLatched ? _s.Latch : Count(cycle);
        var high = _s.Access == 2 || (_s.Access == 3 && _s.ReadHigh);
        if (_s.Access == 3)
        {
            _s.ReadHigh = !_s.ReadHigh;
        }

        if (_s.Access != 3 || high)
        {
            _s.CountLatched = false;
        }

        return (byte)(high ? count >> 8 : count);
    }

    public void Write(byte value, long cycle)
    {
        switch (_s.Access)
        {
            case 1:
                Load(value, cycle);
                break;
            case 2:
                Load(value << 8, cycle);
                break;
            default:
                if (_s.WriteHigh)
                {
                    Load(value << 8 | _s.WrittenLow, cycle);
                }
                else
                {
                    _s.WrittenLow = value;
                    if (_s.Mode == 0)
                    {
                        // The first byte stops the count and sets the output low.
                        _s.Loaded = false;
                    }
                }

                _s.WriteHigh = !_s.WriteHigh;
                break;
        }
    }

    public void SetGate(bool level, long cycle)
    {
        if (level == _s.Gate)
        {
            return;
        }

        Settle(cycle);
        _s.Gate = level;
        if (!level)
        {
            if (!IsTriggered)
            {
                _s.Frozen = Math.Max(0, cycle - _s.Start);
            }
        }
        else if (IsTriggered || IsPeriodic)
        {
            if (_s.Next != 0)
            {
                _s.Reload = _s.Next;
                _s.Next = 0;
            }

            _s.Triggered = true;
            _s.Frozen = -1;
            _s.Start = cycle + 1;
        }
        else
        {
            _s.Start = cycle - _s.Frozen;
            _s.Frozen = -1;
        }
    }

    public bool Output(long cycle)
    {
        Settle(cycle);
        if (!_s.Loaded)
        {
            return _s.Mode != 0;
        }

        var elapsed = Elapsed(cycle);
        return _s.Mode switch
        {
            0 => elapsed >= _s.Reload,
            1 => !_s.Triggered || elapsed < 0 || elapsed >= _s.Reload,
            2 => !_s.Gate || elapsed < 0 || elapsed % _s.Reload != _s.Reload - 1,
            3 => !_s.Gate || elapsed < 0 || elapsed % _s.Reload < (_s.Reload + 1) / 2,
            4 => elapsed != _s.Reload,
            _ => !_s.Triggered || elapsed != _s.Reload,
        };
    }

    /// <summary>The first cycle after the given one at which the output may change; in mode 2 the rising edges only.</summary>
    public long NextEdge(long cycle)
    {
        Settle(cycle);
        if (!_s.Loaded || _s.Frozen >= 0 || (IsTriggered && !_s.Triggered))
        {
            return long.MaxValue;
        }

        if (cycle < _s.Start && !IsPeriodic)
        {
            return _s.Start;
        }

        var end = _s.Start + _s.Reload;
        if (!IsPeriodic)
        {
            // The strobes of modes 4 and 5 last for one clock.
            return cycle < end ? end : cycle == end && _s.Mode >= 4 ? end + 1 : long.MaxValue;
        }

        var position = Math.Max(0, cycle - _s.Start) % _s.Reload;
        var period = Math.Max(cycle, _s.Start) - position;
        var half = (_s.Reload + 1) / 2;
        return _s.Mode == 3 && position < half ? period + half : period + _s.Reload;
    }

    private void Load(int raw, long cycle)
    {
        Settle(cycle);
        var count = _s.Bcd ? (raw >> 12) * 1000 + ((raw >> 8) & 15) * 100 + ((raw >> 4) & 15) * 10 + (raw & 15) : raw;
        if (count == 0)
        {
            count = Modulus;
        }

        // A count of 1 is illegal in modes 2 and 3; it acts as 2.
        if (IsPeriodic)
        {
            count = Math.Max(count, 2);
        }

        if (_s.Loaded && (IsTriggered || (IsPeriodic && _s.Frozen < 0)))
        {
            _s.Next = count;
            var elapsed = Math.Max(0, cycle - _s.Start);
            _s.SwitchAt = IsPeriodic ? _s.Start + (elapsed / _s.Reload + 1) * _s.Reload : long.MaxValue;
            return;
        }

        _s.Reload = count;
        _s.Next = 0;
        _s.Loaded = true;
        _s.Start = cycle + 1;
        _s.Frozen = _s.Gate || IsTriggered ? -1 : 0;
    }

    private void Settle(long cycle)
    {
        if (_s.Next != 0 && cycle >= _s.SwitchAt)
        {
            _s.Start = _s.SwitchAt;
            _s.Reload = _s.Next;
            _s.Next = 0;
        }
    }

    private long Elapsed(long cycle) => _s.Frozen >= 0 ? _s.Frozen : cycle - _s.Start;

    private ushort Count(long cycle)
    {
        Settle(cycle);
        if (!_s.Loaded)
        {
            return 0;
        }

        var elapsed = IsTriggered && !_s.Triggered ? 0 : Math.Max(0, Elapsed(cycle));
        long value;
        switch (_s.Mode)
        {
            case 2:
                value = _s.Reload - elapsed % _s.Reload;
                break;
            case 3:
                // Counts down by two, once while the output is high and once while it is low.
                var position = elapsed % _s.Reload;
                var half = (_s.Reload + 1) / 2;
                value = (_s.Reload & ~1) - 2 * (position < half ? position : position - half);
                break;
            default:
                value = _s.Reload - elapsed;
                break;
        }

        var wrapped = (int)(value % Modulus);
        wrapped = wrapped < 0 ? wrapped + Modulus : wrapped;
        return (ushort)(_s.Bcd ? wrapped / 1000 << 12 | wrapped / 100 % 10 << 8 | wrapped / 10 % 10 << 4 | wrapped % 10 : wrapped);
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public byte Mode;
        public byte Access;
        public bool Bcd;
        public bool Gate;

        // A count was written since the control word.
        public bool Loaded;

        // The gate rose since the control word: modes 1 and 5 wait for it.
        public bool Triggered;
        public int Reload;

        // A count that takes effect at cycle SwitchAt or with the next trigger; 0 for none.
        public int Next;
        public long SwitchAt;

        // The cycle at which the count was loaded.
        public long Start;

        // Cycles counted when the gate fell; negative while counting.
        public long Frozen;
        public bool ReadHigh;
        public bool WriteHigh;
        public byte WrittenLow;
        public bool CountLatched;
        public ushort Latch;
        public bool StatusLatched;
        public byte Status;
    }
}
