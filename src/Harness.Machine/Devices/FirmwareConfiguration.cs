using System.Buffers.Binary;
using System.Text;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The fw_cfg interface (ports 510h-511h), read only and without DMA, by which firmware learns the memory map and finds files.
/// Source: QEMU, "QEMU Firmware Configuration (fw_cfg) Device" (specification).
/// </summary>
internal sealed class FirmwareConfiguration : Device, IPortDevice
{
    private const ushort FileDirectory = 0x19;
    private const ushort FirstFile = 0x20;
    private const int NameLength = 56;

    private readonly Dictionary<ushort, byte[]> _items = [];
    private State _s;

    public FirmwareConfiguration(Platform platform) : base("fwcfg")
    {
        var options = platform.Options;
        _items[0x00] = "QEMU"u8.ToArray();

        // The traditional interface, no DMA.
        _items[0x01] = [1, 0, 0, 0];
        _items[0x03] = BitConverter.GetBytes(new MemoryLayout(options.RamBytes).LowBytes);

        // Processors that are there and that could be.
        _items[0x05] = [1, 0];
        _items[0x0F] = [1, 0];

        List<FirmwareFile> files = [new("etc/e820", MemoryMapTable(options.RamBytes)), .. options.FirmwareFiles];
        files.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        var directory = new byte[4 + 64 * files.Count];
        BinaryPrimitives.WriteInt32BigEndian(directory, files.Count);
        for (var i = 0; i < files.Count; i++)
        {
            var (name, data) = files[i];
            if (name.Length is 0 or >= NameLength || !Ascii.IsValid(name) || (i > 0 && name == files[i - 1].Name))
            {
                throw new ArgumentException($"Firmware file '{name}': expected a unique name of 1 to {NameLength - 1} ASCII characters.", nameof(platform));
            }

            var key = (ushort)(FirstFile + i);
            _items[key] = data.ToArray();
            var entry = directory.AsSpan(4 + 64 * i, 64);
            BinaryPrimitives.WriteInt32BigEndian(entry, data.Length);
            BinaryPrimitives.WriteUInt16BigEndian(entry[4..], key);
            Encoding.ASCII.GetBytes(name, entry[8..]);
        }

        _items[FileDirectory] = directory;
        platform.Ports.Map(0x510, 1, 2, this);
        platform.Ports.Map(0x511, 1, 1, this);
    }

    public uint In(ushort port, int size)
    {
        if (port == 0x510)
        {
            return uint.MaxValue;
        }

        // Past the end of an item, and in an item that is not there, zeros follow.
        var item = _items.GetValueOrDefault(_s.Selector, []);
        return _s.Offset < item.Length ? item[_s.Offset++] : 0u;
    }

    public void Out(ushort port, int size, uint value)
    {
        if (port == 0x510 && size == 2)
        {
            _s.Selector = (ushort)value;
            _s.Offset = 0;
        }
    }

    public override void Reset() => _s = default;

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("selector", ref _s.Selector);
        visitor.Value("offset", ref _s.Offset);
    }

    private static byte[] MemoryMapTable(ulong ramBytes)
    {
        var memory = new MemoryLayout(ramBytes);
        var table = new byte[memory.HighBytes == 0 ? 20 : 40];
        WriteRam(table, 0, memory.LowBytes);
        if (memory.HighBytes != 0)
        {
            WriteRam(table.AsSpan(20), MemoryLayout.HighStart, memory.HighBytes);
        }

        return table;
    }

    private static void WriteRam(Span<byte> entry, ulong address, ulong length)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(entry, address);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], 1);
    }

    private struct State
    {
        public ushort Selector;
        public int Offset;
    }
}
