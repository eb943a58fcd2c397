using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The two cascaded 8259A interrupt controllers of the PC with the edge/level registers of the PIIX (ports 20h-21h, A0h-A1h, 4D0h-4D1h).
/// Source: Intel 8259A data sheet; 82371SB data sheet for ELCR.
/// </summary>
internal sealed class Pic8259 : Device, IPortDevice
{
    private const int CascadeInput = 2;

    private Chip _master;
    private Chip _slave;

    public Pic8259(Platform platform) : base("pic")
    {
        _master.ElcrWritable = 0xF8;
        _slave.ElcrWritable = 0xDE;
        platform.Ports.Map(0x20, 2, 1, this);
        platform.Ports.Map(0xA0, 2, 1, this);
        platform.Ports.Map(0x4D0, 2, 1, this);
    }

    /// <summary>The INTR output.</summary>
    public bool InterruptPending { get; private set; }

    /// <summary>Sets the level of interrupt request 0-15.</summary>
    public void SetLine(int irq, bool level)
    {
        if (irq < 8)
        {
            _master.SetLine(irq, level);
        }
        else
        {
            _slave.SetLine(irq - 8, level);
        }

        Update();
    }

    /// <summary>
    /// The interrupt-acknowledge cycle: the vector, with the request moved to the in-service register. Without a request it is that of input 7 of
    /// the controller asked, and nothing is put in service.
    /// </summary>
    public byte Acknowledge()
    {
        var input = _master.Acknowledge();
        byte vector;
        if (input == CascadeInput)
        {
            var slaveInput = _slave.Acknowledge();
            vector = (byte)(_slave.VectorBase | (slaveInput < 0 ? 7 : slaveInput));
        }
        else
        {
            vector = (byte)(_master.VectorBase | (input < 0 ? 7 : input));
        }

        Update();
        return vector;
    }

    public uint In(ushort port, int size)
    {
        switch (port)
        {
            case 0x4D0:
                return _master.Elcr;
            case 0x4D1:
                return _slave.Elcr;
            default:
                ref var chip = ref Select(port);
                var value = (port & 1) != 0 ? chip.Imr : chip.ReadStatus();
                Update();
                return value;
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        switch (port)
        {
            case 0x4D0:
                _master.SetElcr(data);
                break;
            case 0x4D1:
                _slave.SetElcr(data);
                break;
            default:
                ref var chip = ref Select(port);
                if ((port & 1) != 0)
                {
                    chip.WriteData(data);
                }
                else
                {
                    chip.WriteCommand(data);
                }

                break;
        }

        Update();
    }

    /// <summary>All requests masked: before its initialization the real part's state is undefined.</summary>
    public override void Reset()
    {
        _master = new Chip { ElcrWritable = _master.ElcrWritable, Imr = 0xFF, LowestPriority = 7, Lines = _master.Lines };
        _slave = new Chip { ElcrWritable = _slave.ElcrWritable, Imr = 0xFF, LowestPriority = 7, Lines = _slave.Lines };
        Update();
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("master", ref _master);
        visitor.Value("slave", ref _slave);
    }

    public override void AfterVisit() => InterruptPending = _master.Highest() >= 0;

    private ref Chip Select(ushort port) => ref port < 0xA0 ? ref _master : ref _slave;

    private void Update()
    {
        _master.SetLine(CascadeInput, _slave.Highest() >= 0);
        InterruptPending = _master.Highest() >= 0;
    }

    private struct Chip
    {
        public byte ElcrWritable;
        public byte Elcr;
        public byte Lines;
        public byte Irr;
        public byte Isr;
        public byte Imr;
        public byte VectorBase;
        public byte LowestPriority;

        // The initialization word that the next write to the data port is: 2, 3, 4, or 0 for OCW1.
        private byte _nextWord;
        private bool _needsWord4;
        private bool _single;
        private bool _levelTriggered;
        private bool _automaticEoi;
        private bool _rotateOnAutomaticEoi;
        private bool _specialFullyNested;
        private byte _cascade;
        private bool _specialMask;
        private bool _readIsr;
        private bool _poll;

        private readonly byte LevelInputs => _levelTriggered ? (byte)0xFF : Elcr;

        public void SetLine(int input, bool level)
        {
            var bit = (byte)(1 << input);
            var rising = level && (Lines & bit) == 0;
            Lines = (byte)(level ? Lines | bit : Lines & ~bit);
            if (!level)
            {
                // In both modes a request must stay high until it is acknowledged (8259A, "Edge and level triggered modes").
                Irr &= (byte)~bit;
            }
            else if (rising || (LevelInputs & bit) != 0)
            {
                Irr |= bit;
            }
        }

        public void SetElcr(byte value)
        {
            Elcr = (byte)(value & ElcrWritable);
            Irr = (byte)((Irr & ~Elcr) | (Lines & Elcr));
        }

        /// <summary>The input whose request the processor would get now, or -1.</summary>
        public readonly int Highest()
        {
            var requests = (byte)(Irr & ~Imr);
            if (requests == 0)
            {
                return -1;
            }

            for (var rank = 1; rank <= 8; rank++)
            {
                var input = (LowestPriority + rank) & 7;
                var bit = 1 << input;
                if ((Isr & bit) != 0)
                {
                    if (_specialFullyNested && (_cascade & bit) != 0 && (requests & bit) != 0)
                    {
                        return input;
                    }

                    if (!_specialMask)
                    {
                        return -1;
                    }
                }
                else if ((requests & bit) != 0)
                {
                    return input;
                }
            }

            return -1;
        }

        public int Acknowledge()
        {
            var input = Highest();
            if (input < 0)
            {
                return -1;
            }

            var bit = (byte)(1 << input);
            if ((LevelInputs & bit) == 0)
            {
                Irr &= (byte)~bit;
            }

            if (_automaticEoi)
            {
                if (_rotateOnAutomaticEoi)
                {
                    LowestPriority = (byte)input;
                }
            }
            else
            {
                Isr |= bit;
            }

            return input;
        }

        public byte ReadStatus()
        {
            if (!_poll)
            {
                return _readIsr ? Isr : Irr;
            }

            _poll = false;
            var input = Acknowledge();
            return (byte)(input < 0 ? 0 : 0x80 | input);
        }

        public void WriteData(byte value)
        {
            switch (_nextWord)
            {
                case 2:
                    VectorBase = (byte)(value & 0xF8);
                    _nextWord = (byte)(!_single ? 3 : _needsWord4 ? 4 : 0);
                    break;
                case 3:
                    _cascade = value;
                    _nextWord = (byte)(_needsWord4 ? 4 : 0);
                    break;
                case 4:
                    _automaticEoi = (value & 0x02) != 0;
                    _specialFullyNested = (value & 0x10) != 0;
                    _nextWord = 0;
                    break;
                default:
                    Imr = value;
                    break;
            }
        }

        public void WriteCommand(byte value)
        {
            if ((value & 0x10) != 0)
            {
                Initialize(value);
            }
            else if ((value & 0x08) != 0)
            {
                WriteOcw3(value);
            }
            else
            {
                WriteOcw2(value);
            }
        }

        private void Initialize(byte icw1)
        {
            _needsWord4 = (icw1 & 0x01) != 0;
            _single = (icw1 & 0x02) != 0;
            _levelTriggered = (icw1 & 0x08) != 0;
            _nextWord = 2;
            _automaticEoi = _rotateOnAutomaticEoi = _specialFullyNested = _specialMask = _readIsr = _poll = false;
            Imr = 0;
            Isr = 0;
            LowestPriority = 7;

            // The edge sense circuit is reset: an input that is high needs a new edge.
            Irr = (byte)(Lines & LevelInputs);
        }

        private void WriteOcw3(byte value)
        {
            if ((value & 0x40) != 0)
            {
                _specialMask = (value & 0x20) != 0;
            }

            _poll = (value & 0x04) != 0;
            if ((value & 0x02) != 0)
            {
                _readIsr = (value & 0x01) != 0;
            }
        }

        private void WriteOcw2(byte value)
        {
            var rotate = (value & 0x80) != 0;
            var specific = (value & 0x40) != 0;
            if ((value & 0x20) != 0)
            {
                var input = specific ? value & 7 : HighestInService();
                if (input >= 0)
                {
                    Isr &= (byte)~(1 << input);
                    if (rotate)
                    {
                        LowestPriority = (byte)input;
                    }
                }
            }
            else if (specific)
            {
                if (rotate)
                {
                    LowestPriority = (byte)(value & 7);
                }
            }
            else
            {
                _rotateOnAutomaticEoi = rotate;
            }
        }

        private readonly int HighestInService()
        {
            // In special mask mode a non-specific EOI leaves levels alone that are masked (8259A, "Special mask mode").
            var candidates = _specialMask ? Isr & ~Imr : Isr;
            if (candidates == 0)
            {
                return -1;
            }

            var first = (LowestPriority + 1) & 7;
            var rotated = (byte)((candidates >> first) | (candidates << (8 - first)));
            return (BitOperations.TrailingZeroCount(rotated) + first) & 7;
        }
    }
}
