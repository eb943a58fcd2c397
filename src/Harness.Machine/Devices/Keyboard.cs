using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>A PS/2 keyboard: commands, scan code sets 1 and 2, and scripted key strokes.</summary>
internal sealed class Keyboard(Platform platform)
{
    private const int BufferSize = 16;

    private readonly InputScript _script = new(platform.Options.KeyboardInput);
    private byte[] _buffer = [];
    private State _s;

    /// <summary>True when the keyboard has a byte to send.</summary>
    public bool HasOutput => _buffer.Length != 0;

    /// <summary>The tick at which the next key stroke is due and has room; <see cref="long.MaxValue"/> for none.</summary>
    public long NextFeed => _s.Scanning && _buffer.Length <= BufferSize / 2 ? Math.Max(_script.NextTick, _s.NextStroke) : long.MaxValue;

    /// <summary>Adds key strokes due now.</summary>
    public void Type(ReadOnlyMemory<byte> scanCodes) => _script.Add(platform.Now, scanCodes.Span);

    /// <summary>Puts the next scripted key into the buffer when it is due.</summary>
    public void Feed()
    {
        if (platform.Now < NextFeed)
        {
            return;
        }

        // One key: its prefixes (E0h, E1h, F0h) and its code.
        var isBreak = false;
        while (_script.TryTake(platform.Now, out var code))
        {
            if (code == 0xF0)
            {
                isBreak = true;
                if (_s.Set == 2)
                {
                    Send(code);
                }

                continue;
            }

            Send(_s.Set == 1 ? (byte)(ScanCodes.ToSet1(code) | (isBreak ? 0x80 : 0)) : code);
            if (code is not (0xE0 or 0xE1))
            {
                break;
            }
        }

        _s.NextStroke = platform.Now + Latency.KeyStroke;
    }

    /// <summary>Takes the next byte of the keyboard.</summary>
    public bool TryTake(out byte value)
    {
        value = HasOutput ? _buffer[0] : (byte)0;
        if (!HasOutput)
        {
            return false;
        }

        _buffer = _buffer[1..];
        _s.LastSent = value;
        return true;
    }

    /// <summary>A byte from the host: a command or its argument.</summary>
    public void Receive(byte value)
    {
        if (_s.PendingCommand != 0)
        {
            var command = _s.PendingCommand;
            _s.PendingCommand = 0;
            Argument(command, value);
            return;
        }

        switch (value)
        {
            case 0xED or 0xF0 or 0xF3:
                _s.PendingCommand = value;
                Send(0xFA);
                break;
            case 0xEE:
                Send(0xEE);
                break;
            case 0xF2:
                Send(0xFA, 0xAB, 0x83);
                break;
            case 0xF4 or 0xF5 or 0xF6:
                _buffer = [];
                _s.Scanning = value != 0xF5;
                _s.Set = value == 0xF4 ? _s.Set : (byte)2;
                Send(0xFA);
                break;
            case 0xFE:
                Send(_s.LastSent);
                break;
            case 0xFF:
                Reset();
                Send(0xFA, 0xAA);
                break;
            case >= 0xF7:
                Send(0xFA);
                break;
            default:
                Send(0xFE);
                break;
        }
    }

    public void Reset()
    {
        _buffer = [];
        _s = new State { Set = 2, Scanning = true, NextStroke = platform.Now };
    }

    public void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Bytes("buffer", ref _buffer);
        _script.Visit(visitor);
    }

    private void Argument(byte command, byte value)
    {
        if (command != 0xF0)
        {
            Send(0xFA);
        }
        else if (value == 0)
        {
            Send(0xFA, _s.Set);
        }
        else if (value is 1 or 2)
        {
            _s.Set = value;
            Send(0xFA);
        }
        else
        {
            Send(0xFE);
        }
    }

    private void Send(params ReadOnlySpan<byte> codes)
    {
        // A full buffer loses what exceeds it.
        var kept = codes[..Math.Min(codes.Length, BufferSize - _buffer.Length)];
        _buffer = [.. _buffer, .. kept];
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public byte Set;
        public bool Scanning;
        public byte PendingCommand;
        public byte LastSent;
        public long NextStroke;
    }
}
