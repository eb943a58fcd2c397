using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The 8042 keyboard controller (ports 60h and 64h, IRQ 1) with a keyboard and no auxiliary port: commands for one are not answered, and the bit
/// that disables it reads as 1. Source: IBM PS/2 Hardware Interface Technical Reference.
/// </summary>
internal sealed class KeyboardController : Device, IPortDevice
{
    private const int Irq = 1;
    private const byte InterruptEnable = 0x01;
    private const byte SystemFlag = 0x04;
    private const byte KeyboardDisabled = 0x10;
    private const byte AuxiliaryDisabled = 0x20;
    private const byte Translate = 0x40;

    private readonly Platform _platform;
    private readonly Keyboard _keyboard;
    private State _s;

    public KeyboardController(Platform platform) : base("i8042")
    {
        _platform = platform;
        _keyboard = new Keyboard(platform);
        platform.Ports.Map(0x60, 1, 1, this);
        platform.Ports.Map(0x64, 1, 1, this);
    }

    /// <summary>Types scan codes of set 2, not before the present tick.</summary>
    public void Type(ReadOnlyMemory<byte> scanCodes)
    {
        _keyboard.Type(scanCodes);
        Schedule();
    }

    public uint In(ushort port, int size)
    {
        if (port == 0x64)
        {
            // Bit 4: the key lock is open.
            return (uint)((_s.OutputFull ? 0x01 : 0) | (_s.Configuration & SystemFlag) | (_s.LastWasCommand ? 0x08 : 0) | 0x10);
        }

        if (_s.OutputFull)
        {
            _s.OutputFull = false;
            _s.ReadyAt = _platform.Now + Latency.KeyboardByte;
            _platform.SetIrq(Irq, false);
            Schedule();
        }

        return _s.Output;
    }

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        _s.LastWasCommand = port == 0x64;
        if (_s.LastWasCommand)
        {
            _s.PendingCommand = 0;
            Command(data);
        }
        else if (_s.PendingCommand != 0)
        {
            var command = _s.PendingCommand;
            _s.PendingCommand = 0;
            Argument(command, data);
        }
        else
        {
            _keyboard.Receive(data);
            _s.ReadyAt = _platform.Now + Latency.KeyboardByte;
        }

        Schedule();
    }

    public override void Expire()
    {
        _keyboard.Feed();
        if (!_s.OutputFull && _platform.Now >= _s.ReadyAt)
        {
            if (_s.HasReply)
            {
                _s.HasReply = false;
                Present(_s.Reply);
            }
            else if ((_s.Configuration & KeyboardDisabled) == 0 && _keyboard.TryTake(out var code))
            {
                TakeFromKeyboard(code);
            }
        }

        Schedule();
    }

    public override void Reset()
    {
        _s = new State { Configuration = Translate | AuxiliaryDisabled | SystemFlag | InterruptEnable };
        _keyboard.Reset();
        _platform.SetIrq(Irq, false);
        Schedule();
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Enter("keyboard");
        _keyboard.Visit(visitor);
        visitor.Leave();
    }

    private void Command(byte command)
    {
        switch (command)
        {
            case >= 0x20 and < 0x40:
                Reply(command == 0x20 ? _s.Configuration : _s.Ram[command & 0x1F]);
                break;
            case (>= 0x60 and < 0x80) or 0xD1 or 0xD2 or 0xD3 or 0xD4:
                _s.PendingCommand = command;
                break;
            case 0xAA:
                _s.Configuration |= SystemFlag;
                Reply(0x55);
                break;
            case 0xAB:
                Reply(0x00);
                break;
            case 0xAD:
                _s.Configuration |= KeyboardDisabled;
                break;
            case 0xAE:
                _s.Configuration &= unchecked((byte)~KeyboardDisabled);
                break;
            case 0xC0:
                // Input port: bit 7, the keyboard is not locked.
                Reply(0x80);
                break;
            case 0xD0:
                Reply((byte)(0xC1 | (_platform.A20 ? 0x02 : 0) | (_s.OutputFull ? 0x10 : 0)));
                break;
            case 0xDD or 0xDF:
                _platform.A20 = command == 0xDF;
                break;
            case >= 0xF0 when (command & 1) == 0:
                // Pulses output 0, which is the processor's reset.
                _platform.RequestReset();
                break;
            default:
                break;
        }
    }

    private void Argument(byte command, byte data)
    {
        switch (command)
        {
            case 0x60:
                _s.Configuration = (byte)((data & 0x7F) | AuxiliaryDisabled);
                break;
            case 0xD1:
                _platform.A20 = (data & 0x02) != 0;
                if ((data & 0x01) == 0)
                {
                    _platform.RequestReset();
                }

                break;
            case 0xD2:
                // The byte comes back as if the keyboard had sent it.
                Reply(data);
                break;
            case 0xD3 or 0xD4:
                break;
            default:
                _s.Ram[command & 0x1F] = data;
                break;
        }
    }

    private void Reply(byte value)
    {
        _s.HasReply = true;
        _s.Reply = value;
        _s.ReadyAt = _platform.Now + Latency.KeyboardByte;
    }

    private void TakeFromKeyboard(byte code)
    {
        if ((_s.Configuration & Translate) == 0)
        {
            Present(code);
        }
        else if (code == 0xF0)
        {
            // A break prefix becomes bit 7 of the code that follows.
            _s.BreakSeen = true;
            _s.ReadyAt = _platform.Now + Latency.KeyboardByte;
        }
        else
        {
            var translated = ScanCodes.ToSet1(code);
            Present(_s.BreakSeen ? (byte)(translated | 0x80) : translated);
            _s.BreakSeen = false;
        }
    }

    private void Present(byte value)
    {
        _s.Output = value;
        _s.OutputFull = true;
        if ((_s.Configuration & InterruptEnable) != 0)
        {
            _platform.SetIrq(Irq, true);
        }
    }

    private void Schedule()
    {
        var isKeyboardOn = (_s.Configuration & KeyboardDisabled) == 0;
        var canPresent = !_s.OutputFull && (_s.HasReply || (isKeyboardOn && _keyboard.HasOutput));
        Deadline = Math.Min(canPresent ? Math.Max(_s.ReadyAt, _platform.Now + 1) : long.MaxValue, _keyboard.NextFeed);
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public byte Configuration;
        public byte PendingCommand;
        public bool LastWasCommand;
        public byte Output;
        public bool OutputFull;
        public bool HasReply;
        public byte Reply;
        public bool BreakSeen;

        // The tick before which the output buffer takes no new byte.
        public long ReadyAt;
        public ControllerRam Ram;
    }

    [System.Runtime.CompilerServices.InlineArray(32)]
    private struct ControllerRam
    {
        private byte _first;
    }
}
