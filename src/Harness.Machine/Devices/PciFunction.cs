using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>A PCI function: its configuration space, which bits of it are writable, and what a write does.</summary>
internal abstract class PciFunction(string name) : Device(name)
{
    private readonly byte[] _writable = new byte[256];
    private readonly byte[] _initial = new byte[256];
    private byte[] _space = new byte[256];

    /// <summary>Reads 1, 2 or 4 bytes inside the space.</summary>
    public uint Read(int offset, int size)
    {
        var value = 0u;
        for (var i = 0; i < size; i++)
        {
            value |= (uint)_space[offset + i] << (8 * i);
        }

        return value;
    }

    /// <summary>Writes the writable bits of 1, 2 or 4 bytes inside the space.</summary>
    public void Write(int offset, int size, uint value)
    {
        for (var i = 0; i < size; i++)
        {
            var mask = _writable[offset + i];
            _space[offset + i] = (byte)((_space[offset + i] & ~mask) | ((byte)(value >> (8 * i)) & mask));
        }

        Written();
    }

    public override void Reset()
    {
        _initial.CopyTo(_space, 0);
        Written();
    }

    public override void Visit(IStateVisitor visitor) => visitor.Bytes("space", ref _space);

    public override void AfterVisit() => Written();

    /// <summary>Does what follows from the registers' contents, however they came about.</summary>
    protected virtual void Written()
    {
    }

    /// <summary>Declares the identification registers.</summary>
    protected void Identify(ushort deviceId, uint classAndRevision, byte headerType, ushort command, ushort status)
    {
        const ushort Intel = 0x8086;
        Declare(0x00, 4, (uint)deviceId << 16 | Intel, 0);
        Declare(0x04, 4, (uint)status << 16 | command, 0);
        Declare(0x08, 4, classAndRevision, 0);
        Declare(0x0E, 1, headerType, 0);
        Declare(0x3C, 1, 0, 0xFF);
    }

    /// <summary>Declares 1 to 4 bytes: their value after reset and their writable bits.</summary>
    protected void Declare(int offset, int size, uint initial, uint writable)
    {
        for (var i = 0; i < size; i++)
        {
            _initial[offset + i] = (byte)(initial >> (8 * i));
            _writable[offset + i] = (byte)(writable >> (8 * i));
        }
    }
}
