using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// PCI bus 0 with configuration mechanism 1 (ports CF8h and CFCh-CFFh). A function that is not there reads as all ones.
/// Source: PCI Local Bus Specification 2.1, 3.7.4.1.
/// </summary>
internal sealed class PciBus : Device, IPortDevice
{
    private readonly PciFunction?[] _functions = new PciFunction?[32 * 8];
    private uint _address;

    public PciBus(Platform platform) : base("pci")
    {
        // Only a doubleword reaches the address register: narrower accesses pass through to other devices.
        platform.Ports.Map(0xCF8, 1, 4, this);
        platform.Ports.Map(0xCFC, 4, 4, this);
    }

    /// <summary>Puts a function on the bus.</summary>
    public void Add(int device, int function, PciFunction target) => _functions[device * 8 + function] = target;

    public uint In(ushort port, int size)
    {
        if (port == 0xCF8)
        {
            return size == 4 ? _address : uint.MaxValue;
        }

        var offset = Offset(port);
        return Selected() is { } function && offset + size <= 256 ? function.Read(offset, size) : uint.MaxValue;
    }

    public void Out(ushort port, int size, uint value)
    {
        if (port == 0xCF8)
        {
            _address = size == 4 ? value & 0x80FF_FFFC : _address;
            return;
        }

        var offset = Offset(port);
        if (Selected() is { } function && offset + size <= 256)
        {
            function.Write(offset, size, value);
        }
    }

    public override void Reset() => _address = 0;

    public override void Visit(IStateVisitor visitor) => visitor.Value("address", ref _address);

    private int Offset(ushort port) => (int)(_address & 0xFC) + (port - 0xCFC);

    private PciFunction? Selected() => (_address & 0x80FF_0000) == 0x8000_0000 ? _functions[_address >> 8 & 0xFF] : null;
}
