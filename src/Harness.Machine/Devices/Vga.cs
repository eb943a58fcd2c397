using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// A VGA in text mode (ports 3B4h-3DAh, memory A0000h-BFFFFh): all registers hold what is written, memory has the odd/even and the planar
/// addressing that text and fonts need. Graphics (write modes 1 to 3, set/reset, bit mask, latches, chain 4) is not modelled.
/// It starts in mode 3 as its BIOS leaves it. Source: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem.
/// </summary>
internal sealed class Vga : Device, IPortDevice, IMemoryDevice
{
    private const ulong MemoryStart = 0xA0000;
    private const ulong MemoryLength = 0x20000;
    private const int PlaneSize = 0x10000;

    // 28.322 MHz, 900 dots in a line of which 720 show, 449 lines in a frame of which 400 show: 70 Hz.
    private const int DotsPerLine = 900;
    private const int DotsShown = 720;
    private const int Lines = 449;
    private const int LinesShown = 400;
    private const int RetraceStart = 412;
    private const int RetraceLines = 2;

    private static readonly byte[] Mode3Sequencer = [0x03, 0x00, 0x03, 0x00, 0x02];
    private static readonly byte[] Mode3Graphics = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF];

    private static readonly byte[] Mode3Crtc =
    [
        0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00,
        0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
    ];

    private static readonly byte[] Mode3Attribute =
    [
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x0C, 0x00, 0x0F, 0x08, 0x00,
    ];

    private static readonly byte[] Blank = new byte[4 * PlaneSize];
    private readonly Platform _platform;
    private readonly ClockRate _rate;

    /// <summary>The planes; <see cref="Blank"/> until somebody writes: most machines have a display that nobody writes to, and there are many machines.</summary>
    private byte[] _memory = Blank;
    private byte[] _sequencer = [];
    private byte[] _graphics = [];
    private byte[] _crtc = [];
    private byte[] _attribute = [];
    private byte[] _palette = new byte[768];
    private State _s;

    public Vga(Platform platform) : base("vga")
    {
        _platform = platform;
        _rate = ClockRate.VgaDots(platform.Options.TicksPerSecond);
        platform.Ports.Map(0x3B4, 2, 1, this);
        platform.Ports.Map(0x3BA, 1, 1, this);
        platform.Ports.Map(0x3C0, 16, 1, this);
        platform.Ports.Map(0x3D4, 2, 1, this);
        platform.Ports.Map(0x3DA, 1, 1, this);
    }

    // Bit 0 of the miscellaneous output register puts the CRT controller at 3Dxh instead of 3Bxh.
    private bool IsColor => (_s.Misc & 0x01) != 0;

    private bool IsOddEven => (_sequencer[4] & 0x04) == 0;

    /// <summary>The text that the screen shows, empty in graphics modes.</summary>
    public string ReadText()
    {
        if ((_graphics[6] & 0x01) != 0)
        {
            return "";
        }

        var lastLine = _crtc[0x12] | (_crtc[7] & 0x02) << 7 | (_crtc[7] & 0x40) << 3;
        var rows = (lastLine + 1) / ((_crtc[9] & 0x1F) + 1);
        var columns = _crtc[1] + 1;
        var start = _crtc[0x0C] << 8 | _crtc[0x0D];
        var lines = new string[rows];
        for (var row = 0; row < rows; row++)
        {
            // The offset register counts pairs of characters; a character and its attribute take two addresses of planes 0 and 1.
            var line = start + row * _crtc[0x13] * 2;
            lines[row] = string.Create(columns, (line, _memory), static (text, source) =>
            {
                for (var column = 0; column < text.Length; column++)
                {
                    text[column] = VgaText.ToChar(source._memory[2 * (source.line + column) & (PlaneSize - 1)]);
                }
            });
        }

        return VgaText.Join(lines);
    }

    public uint In(ushort port, int size)
    {
        switch (port)
        {
            case 0x3C0:
                return _s.AttributeIndex;
            case 0x3C1:
                return At(_attribute, _s.AttributeIndex & 0x1F);
            case 0x3C2:
                return 0;
            case 0x3C4:
                return _s.SequencerIndex;
            case 0x3C5:
                return At(_sequencer, _s.SequencerIndex);
            case 0x3C6:
                return _s.PaletteMask;
            case 0x3C7:
                return _s.PaletteReads ? 3u : 0;
            case 0x3C8:
                return _s.PaletteIndex;
            case 0x3C9:
                return NextPaletteByte();
            case 0x3CC:
                return _s.Misc;
            case 0x3CE:
                return _s.GraphicsIndex;
            case 0x3CF:
                return At(_graphics, _s.GraphicsIndex);
            default:
                return IsCrtcPort(port) ? InCrtc(port & 0x0F) : uint.MaxValue;
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        switch (port)
        {
            case 0x3C0:
                WriteAttribute(data);
                break;
            case 0x3C2:
                _s.Misc = data;
                break;
            case 0x3C4:
                _s.SequencerIndex = data;
                break;
            case 0x3C5:
                Set(_sequencer, _s.SequencerIndex, data);
                break;
            case 0x3C6:
                _s.PaletteMask = data;
                break;
            case 0x3C7 or 0x3C8:
                _s.PaletteIndex = data;
                _s.PaletteComponent = 0;
                _s.PaletteReads = port == 0x3C7;
                break;
            case 0x3C9:
                _palette[3 * _s.PaletteIndex + _s.PaletteComponent] = (byte)(data & 0x3F);
                StepPalette();
                break;
            case 0x3CE:
                _s.GraphicsIndex = data;
                break;
            case 0x3CF:
                Set(_graphics, _s.GraphicsIndex, data);
                break;
            default:
                if (IsCrtcPort(port))
                {
                    OutCrtc(port & 0x0F, data);
                }

                break;
        }
    }

    public ulong Read(ulong offset, int size)
    {
        var value = 0ul;
        for (var i = 0; i < size; i++)
        {
            value |= (ulong)ReadByte(offset + (ulong)i) << (8 * i);
        }

        return value;
    }

    public void Write(ulong offset, int size, ulong value)
    {
        for (var i = 0; i < size; i++)
        {
            WriteByte(offset + (ulong)i, (byte)(value >> (8 * i)));
        }
    }

    public override void Reset()
    {
        _memory = Blank;
        Array.Clear(_palette);
        _sequencer = [.. Mode3Sequencer];
        _graphics = [.. Mode3Graphics];
        _crtc = [.. Mode3Crtc];
        _attribute = [.. Mode3Attribute];
        _s = new State { Misc = 0x67, PaletteMask = 0xFF, AttributeIndex = 0x20 };
        _platform.Memory.MapDevice(MemoryStart, MemoryLength, this, MapSide.Both);
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Bytes("sequencer", ref _sequencer);
        visitor.Bytes("graphics", ref _graphics);
        visitor.Bytes("crtc", ref _crtc);
        visitor.Bytes("attribute", ref _attribute);
        visitor.Bytes("palette", ref _palette);
        Own();
        visitor.Bytes("memory", ref _memory);
    }

    private static byte At(byte[] registers, int index) => index < registers.Length ? registers[index] : (byte)0;

    private static void Set(byte[] registers, int index, byte value)
    {
        if (index < registers.Length)
        {
            registers[index] = value;
        }
    }

    private bool IsCrtcPort(ushort port) => (port & 0xFF0) == (IsColor ? 0x3D0 : 0x3B0);

    private uint InCrtc(int register)
    {
        switch (register)
        {
            case 4:
                return _s.CrtcIndex;
            case 5:
                return At(_crtc, _s.CrtcIndex);
            default:
                _s.AttributeIsData = false;
                return Status();
        }
    }

    private void OutCrtc(int register, byte value)
    {
        if (register == 4)
        {
            _s.CrtcIndex = value;
        }
        else if (register == 5 && _s.CrtcIndex < 8 && (_crtc[0x11] & 0x80) != 0)
        {
            // Registers 0 to 7 are protected but for the line-compare bit of the overflow register.
            if (_s.CrtcIndex == 7)
            {
                _crtc[7] = (byte)((_crtc[7] & ~0x10) | (value & 0x10));
            }
        }
        else if (register == 5)
        {
            Set(_crtc, _s.CrtcIndex, value);
        }
    }

    private uint Status()
    {
        var dot = _rate.CyclesAt(_platform.Now) % (DotsPerLine * Lines);
        var line = dot / DotsPerLine;
        var isBlank = line >= LinesShown || dot % DotsPerLine >= DotsShown;
        var isRetrace = line is >= RetraceStart and < RetraceStart + RetraceLines;
        return (isBlank ? 0x01u : 0) | (isRetrace ? 0x08u : 0);
    }

    private void WriteAttribute(byte value)
    {
        if (_s.AttributeIsData)
        {
            Set(_attribute, _s.AttributeIndex & 0x1F, value);
        }
        else
        {
            _s.AttributeIndex = (byte)(value & 0x3F);
        }

        _s.AttributeIsData = !_s.AttributeIsData;
    }

    private byte NextPaletteByte()
    {
        var value = _palette[3 * _s.PaletteIndex + _s.PaletteComponent];
        StepPalette();
        return value;
    }

    private void StepPalette()
    {
        if (++_s.PaletteComponent == 3)
        {
            _s.PaletteComponent = 0;
            _s.PaletteIndex++;
        }
    }

    /// <summary>The address inside the planes, or -1 when the window does not answer.</summary>
    private int Translate(ulong offset)
    {
        if ((_s.Misc & 0x02) == 0 || offset >= MemoryLength)
        {
            return -1;
        }

        var address = (int)offset;
        return (_graphics[6] >> 2 & 3) switch
        {
            0 => address & (PlaneSize - 1),
            1 => address < PlaneSize ? address : -1,
            2 => address is >= 0x10000 and < 0x18000 ? address - 0x10000 : -1,
            _ => address >= 0x18000 ? address - 0x18000 : -1,
        };
    }

    private void Own()
    {
        if (_memory == Blank)
        {
            _memory = new byte[4 * PlaneSize];
        }
    }

    private byte ReadByte(ulong offset)
    {
        var address = Translate(offset);
        if (address < 0)
        {
            return 0xFF;
        }

        var plane = _graphics[4] & 3;
        return IsOddEven ? _memory[((plane & 2) | (address & 1)) * PlaneSize + (address & ~1)] : _memory[plane * PlaneSize + address];
    }

    private void WriteByte(ulong offset, byte value)
    {
        var address = Translate(offset);
        if (address < 0)
        {
            return;
        }

        Own();

        // Even addresses reach planes 0 and 2, odd ones planes 1 and 3.
        var planes = _sequencer[2] & (!IsOddEven ? 0x0F : (address & 1) != 0 ? 0x0A : 0x05);
        for (var plane = 0; plane < 4; plane++)
        {
            if ((planes >> plane & 1) != 0)
            {
                _memory[plane * PlaneSize + (IsOddEven ? address & ~1 : address)] = value;
            }
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public byte Misc;
        public byte SequencerIndex;
        public byte GraphicsIndex;
        public byte CrtcIndex;
        public byte AttributeIndex;
        public bool AttributeIsData;
        public byte PaletteIndex;
        public byte PaletteComponent;
        public byte PaletteMask;
        public bool PaletteReads;
    }
}
