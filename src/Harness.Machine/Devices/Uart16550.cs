using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The 16550A of COM1 (ports 3F8h-3FFh, IRQ 4). What is sent is captured; what is received comes from a script, which waits while the receiver is full.
/// The line is always connected (CTS, DSR and DCD asserted) and has no errors. Source: National Semiconductor PC16550D data sheet.
/// </summary>
internal sealed class Uart16550 : Device, IPortDevice
{
    private const int Irq = 4;
    private const ushort Base = 0x3F8;

    private const byte LoopMode = 0x10;
    private const byte Out2 = 0x08;

    private readonly Platform _platform;
    private readonly InputScript _script;
    private State _s;

    public Uart16550(Platform platform) : base("com1")
    {
        _platform = platform;
        _script = new InputScript(platform.Options.SerialInput);
        platform.Ports.Map(Base, 8, 1, this);
    }

    /// <summary>The bytes sent.</summary>
    public OutputSink Output { get; } = new();

    private bool HasFifo => (_s.FifoControl & 1) != 0;

    private bool IsLoop => (_s.ModemControl & LoopMode) != 0;

    private bool IsDivisorLatch => (_s.LineControl & 0x80) != 0;

    private int Trigger => !HasFifo ? 1 : (_s.FifoControl >> 6) switch
    {
        0 => 1,
        1 => 4,
        2 => 8,
        _ => 14,
    };

    /// <summary>Sends bytes to the guest, not before the present tick.</summary>
    public void Receive(ReadOnlyMemory<byte> data)
    {
        _script.Add(_platform.Now, data.Span);
        Update();
    }

    public uint In(ushort port, int size)
    {
        byte value;
        switch (port - Base)
        {
            case 0:
                value = IsDivisorLatch ? (byte)_s.Divisor : TakeReceived();
                break;
            case 1:
                value = IsDivisorLatch ? (byte)(_s.Divisor >> 8) : _s.InterruptEnable;
                break;
            case 2:
                value = Identification();
                if ((value & 0x0F) == 0x02)
                {
                    // Reading IIR clears the transmitter interrupt if it is the source reported.
                    _s.TransmitterInterrupt = false;
                }

                break;
            case 3:
                value = _s.LineControl;
                break;
            case 4:
                value = _s.ModemControl;
                break;
            case 5:
                value = (byte)((_s.Count != 0 ? 0x01 : 0) | (_s.Overrun ? 0x02 : 0) | (_s.Sending ? 0 : 0x60));
                _s.Overrun = false;
                break;
            case 6:
                value = (byte)(ModemLines() | _s.ModemDelta);
                _s.ModemDelta = 0;
                break;
            default:
                value = _s.Scratch;
                break;
        }

        Update();
        return value;
    }

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        switch (port - Base)
        {
            case 0 when IsDivisorLatch:
                _s.Divisor = (ushort)((_s.Divisor & 0xFF00) | data);
                break;
            case 0:
                Transmit(data);
                break;
            case 1 when IsDivisorLatch:
                _s.Divisor = (ushort)((_s.Divisor & 0x00FF) | data << 8);
                break;
            case 1:
                // Enabling the transmitter interrupt raises it when the register is empty already.
                _s.TransmitterInterrupt |= (data & 2) != 0 && (_s.InterruptEnable & 2) == 0 && !_s.Sending;
                _s.InterruptEnable = (byte)(data & 0x0F);
                break;
            case 2:
                WriteFifoControl(data);
                break;
            case 3:
                _s.LineControl = data;
                break;
            case 4:
                WriteModemControl((byte)(data & 0x1F));
                break;
            case 7:
                _s.Scratch = data;
                break;
            default:
                break;
        }

        Update();
    }

    public override void Expire()
    {
        var now = _platform.Now;
        if (_s.Sending && now >= _s.SentAt)
        {
            _s.Sending = false;
            _s.TransmitterInterrupt = true;
        }

        if (now >= NextReceive() && _script.TryTake(now, out var value))
        {
            Store(value);
            _s.NextReceive = now + Latency.SerialReceive;
        }

        Update();
    }

    public override void Reset()
    {
        _s = new State { Divisor = 12, NextReceive = _platform.Now };
        Update();
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        _script.Visit(visitor);
        Output.Visit("output", visitor);
    }

    private byte TakeReceived()
    {
        if (_s.Count == 0)
        {
            return 0;
        }

        var value = _s.Fifo[0];
        Span<byte> fifo = _s.Fifo;
        fifo[1.._s.Count].CopyTo(fifo);
        _s.Count--;
        _s.TimeoutAt = _platform.Now + Latency.SerialTimeout;
        return value;
    }

    private void Store(byte value)
    {
        if (_s.Count >= (HasFifo ? 16 : 1))
        {
            _s.Overrun = true;
            return;
        }

        _s.Fifo[_s.Count++] = value;
        _s.TimeoutAt = _platform.Now + Latency.SerialTimeout;
    }

    private void Transmit(byte value)
    {
        _s.TransmitterInterrupt = false;
        _s.Sending = true;
        _s.SentAt = _platform.Now + Latency.SerialTransmit;
        if (IsLoop)
        {
            Store(value);
        }
        else
        {
            Output.Write(value);
        }
    }

    private void WriteFifoControl(byte value)
    {
        // Changing bit 0 clears both FIFOs; bits 1 and 2 clear themselves.
        if (((value ^ _s.FifoControl) & 1) != 0 || (value & 0x02) != 0)
        {
            _s.Count = 0;
        }

        _s.FifoControl = (byte)((value & 1) != 0 ? value & 0xC9 : 0);
    }

    private void WriteModemControl(byte value)
    {
        var before = ModemLines();
        _s.ModemControl = value;
        var after = ModemLines();
        var changed = before ^ after;

        // The delta of RI is set by its trailing edge only.
        var ring = changed & before & 0x40;
        _s.ModemDelta |= (byte)(((changed & 0xB0) | ring) >> 4);
    }

    private byte ModemLines()
    {
        if (!IsLoop)
        {
            return 0xB0;
        }

        var control = _s.ModemControl;
        return (byte)((control & 0x02) << 3 | (control & 0x01) << 5 | (control & 0x04) << 4 | (control & 0x08) << 4);
    }

    private byte Identification()
    {
        var fifo = HasFifo ? 0xC0 : 0;
        var enabled = _s.InterruptEnable;
        if ((enabled & 4) != 0 && _s.Overrun)
        {
            return (byte)(fifo | 0x06);
        }

        if ((enabled & 1) != 0 && _s.Count >= Trigger)
        {
            return (byte)(fifo | 0x04);
        }

        if ((enabled & 1) != 0 && _s.Count != 0 && _platform.Now >= _s.TimeoutAt)
        {
            return (byte)(fifo | 0x0C);
        }

        if ((enabled & 2) != 0 && _s.TransmitterInterrupt)
        {
            return (byte)(fifo | 0x02);
        }

        return (byte)(fifo | ((enabled & 8) != 0 && _s.ModemDelta != 0 ? 0x00 : 0x01));
    }

    private long NextReceive() =>
        !IsLoop && _s.Count < (HasFifo ? 16 : 1) ? Math.Max(_script.NextTick, _s.NextReceive) : long.MaxValue;

    private void Update()
    {
        // OUT2 connects the interrupt to the bus on the PC; loop mode disconnects all outputs.
        var isConnected = (_s.ModemControl & (Out2 | LoopMode)) == Out2;
        _platform.SetIrq(Irq, isConnected && (Identification() & 1) == 0);

        var isTimeoutDue = (_s.InterruptEnable & 1) != 0 && _s.Count != 0 && _s.Count < Trigger && _platform.Now < _s.TimeoutAt;
        Deadline = Math.Min(_s.Sending ? _s.SentAt : long.MaxValue, Math.Min(NextReceive(), isTimeoutDue ? _s.TimeoutAt : long.MaxValue));
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public ushort Divisor;
        public byte InterruptEnable;
        public byte FifoControl;
        public byte LineControl;
        public byte ModemControl;
        public byte ModemDelta;
        public byte Scratch;
        public bool Overrun;
        public bool TransmitterInterrupt;
        public bool Sending;
        public long SentAt;
        public long NextReceive;
        public long TimeoutAt;
        public byte Count;
        public FifoBytes Fifo;
    }

    [System.Runtime.CompilerServices.InlineArray(16)]
    private struct FifoBytes
    {
        private byte _first;
    }
}
