using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>An ATA disk behind a channel: its geometry, its settings and what it says of itself. Source: ATA/ATAPI-6 (T13 1410D), 8.15.</summary>
internal sealed class AtaDrive
{
    /// <summary>Sectors in a block of READ or WRITE MULTIPLE at most.</summary>
    public const int MaximumMultiple = 16;

    private const int Heads = 16;
    private const int SectorsPerTrack = 63;

    private readonly int _index;
    private readonly bool _isAlone;
    private State _s;

    /// <param name="image">The disk.</param>
    /// <param name="index">0 for master, 1 for slave.</param>
    /// <param name="isAlone">True when the channel has no second drive.</param>
    public AtaDrive(DiskImage image, int index, bool isAlone)
    {
        Image = image;
        _index = index;
        _isAlone = isAlone;
        Reset();
    }

    public DiskImage Image { get; }

    /// <summary>Sectors of a block of READ or WRITE MULTIPLE; 0 until SET MULTIPLE MODE.</summary>
    public byte Multiple
    {
        get => _s.Multiple;
        set => _s.Multiple = value;
    }

    private int Cylinders => (int)Math.Clamp(Image.Sectors / (Heads * SectorsPerTrack), 1, 16_383);

    public void Reset() => _s = new State { Heads = Heads, SectorsPerTrack = SectorsPerTrack };

    /// <summary>INITIALIZE DEVICE PARAMETERS: the geometry of CHS addresses from now on.</summary>
    public bool SetGeometry(int heads, int sectorsPerTrack)
    {
        if (sectorsPerTrack == 0)
        {
            return false;
        }

        _s.Heads = (byte)heads;
        _s.SectorsPerTrack = (byte)sectorsPerTrack;
        return true;
    }

    /// <summary>The sector number of a CHS address, or -1.</summary>
    public long FromGeometry(int cylinder, int head, int sector) =>
        sector == 0 || sector > _s.SectorsPerTrack || head >= _s.Heads
            ? -1
            : ((long)cylinder * _s.Heads + head) * _s.SectorsPerTrack + sector - 1;

    /// <summary>Fills the 512 bytes that IDENTIFY DEVICE returns.</summary>
    public void Identify(Span<byte> data)
    {
        data.Clear();
        var words = MemoryMarshal.Cast<byte, ushort>(data);
        words[0] = 0x0040;
        words[1] = (ushort)Cylinders;
        words[3] = Heads;
        words[6] = SectorsPerTrack;
        SetText(words[10..20], _index == 0 ? "0000" : "0001");
        SetText(words[23..27], "1.0");
        SetText(words[27..47], "HARNESS DISK");
        words[47] = 0x8000 | MaximumMultiple;

        // 32-bit transfers; LBA and IORDY, no DMA.
        words[48] = 0x0001;
        words[49] = 0x0A00;
        words[50] = 0x4000;
        words[51] = 0x0200;
        words[53] = 0x0003;

        var perCylinder = _s.Heads * _s.SectorsPerTrack;
        var currentCylinders = (int)Math.Clamp(Image.Sectors / perCylinder, 1, ushort.MaxValue);
        words[54] = (ushort)currentCylinders;
        words[55] = _s.Heads;
        words[56] = _s.SectorsPerTrack;
        SetDouble(words[57..], (uint)(currentCylinders * perCylinder));
        words[59] = (ushort)(_s.Multiple == 0 ? 0 : 0x0100 | _s.Multiple);
        SetDouble(words[60..], (uint)Math.Min(Image.Sectors, 0x0FFF_FFFF));

        // PIO modes 3 and 4, cycle time 120 ns.
        words[64] = 0x0003;
        words[67] = words[68] = 120;

        // ATA-1 to ATA-6; 48-bit addresses, FLUSH CACHE, FLUSH CACHE EXT.
        words[80] = 0x007E;
        words[83] = 0x7400;
        words[84] = 0x4000;
        words[86] = 0x3400;
        words[87] = 0x4000;

        // Hardware reset result: passed diagnostics; bit 6, device 0 answers for an absent device 1; bit 5, it saw device 1.
        words[93] = (ushort)(_index != 0 ? 0x4B00 : _isAlone ? 0x4049 : 0x4029);
        SetDouble(words[100..], (uint)Image.Sectors);
        SetDouble(words[102..], (uint)(Image.Sectors >> 32));
    }

    public void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        Image.Visit(visitor);
    }

    // The first character of each pair is in the high byte; blanks fill the rest.
    private static void SetText(Span<ushort> words, string text)
    {
        for (var i = 0; i < words.Length; i++)
        {
            var first = 2 * i < text.Length ? text[2 * i] : ' ';
            var second = 2 * i + 1 < text.Length ? text[2 * i + 1] : ' ';
            words[i] = (ushort)(first << 8 | second);
        }
    }

    private static void SetDouble(Span<ushort> words, uint value)
    {
        words[0] = (ushort)value;
        words[1] = (ushort)(value >> 16);
    }

    private struct State
    {
        public byte Multiple;
        public byte Heads;
        public byte SectorsPerTrack;
    }
}
