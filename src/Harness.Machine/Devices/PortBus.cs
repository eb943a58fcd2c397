namespace Harness.Machine.Devices;

/// <summary>
/// Routes port accesses. Every port has a widest access that its device takes whole. A wider access is split into halves, low half first,
/// each routed by its own port number, as the ISA bus does with an 8-bit card. A port without a device reads as all ones and ignores writes.
/// </summary>
public sealed class PortBus
{
    private const int PageShift = 8;

    /// <summary>By page of 256 ports: most machines use few, and there are many machines.</summary>
    private readonly Slot[]?[] _pages = new Slot[]?[0x10000 >> PageShift];
    private readonly List<IRelocatablePorts> _relocatable = [];

    private readonly record struct Slot(IPortDevice? Device, byte Widest);

    /// <summary>True when no device with a fixed address has the port.</summary>
    public bool IsFree(ushort port) => At(port).Device is null;

    /// <summary>Gives a run of ports to a device.</summary>
    /// <param name="first">First port.</param>
    /// <param name="count">Number of ports.</param>
    /// <param name="widest">Widest access taken whole at each of them: 1, 2 or 4 bytes.</param>
    /// <param name="device">The device.</param>
    /// <exception cref="PortTakenException">A port has a device already.</exception>
    public void Map(ushort first, int count, int widest, IPortDevice device)
    {
        for (var port = (int)first; port < first + count; port++)
        {
            if (At(port).Device is { } other)
            {
                throw new PortTakenException($"port {port:X4}h is wanted by {device.GetType().Name} and {other.GetType().Name}: choose another port");
            }

            Slot[] page = _pages[port >> PageShift] ??= new Slot[1 << PageShift];
            page[port & ((1 << PageShift) - 1)] = new Slot(device, (byte)widest);
        }
    }

    /// <summary>Adds a device whose ports the guest moves. Fixed devices win over it.</summary>
    internal void Add(IRelocatablePorts device) => _relocatable.Add(device);

    /// <summary>Reads 1, 2 or 4 bytes.</summary>
    public uint In(ushort port, int size)
    {
        var device = Find(port, out var widest);
        if (size <= widest)
        {
            return device is null ? Ones(size) : device.In(port, size) & Ones(size);
        }

        var half = size / 2;
        return In(port, half) | In((ushort)(port + half), half) << (8 * half);
    }

    /// <summary>Writes 1, 2 or 4 bytes.</summary>
    public void Out(ushort port, int size, uint value)
    {
        var device = Find(port, out var widest);
        if (size <= widest)
        {
            device?.Out(port, size, value & Ones(size));
            return;
        }

        var half = size / 2;
        Out(port, half, value & Ones(half));
        Out((ushort)(port + half), half, value >> (8 * half) & Ones(half));
    }

    private Slot At(int port) => _pages[port >> PageShift] is { } page ? page[port & ((1 << PageShift) - 1)] : default;

    private static uint Ones(int size) => uint.MaxValue >> (32 - 8 * size);

    private IPortDevice? Find(ushort port, out int widest)
    {
        Slot slot = At(port);
        if (slot.Device is { } device)
        {
            widest = slot.Widest;
            return device;
        }

        foreach (var candidate in _relocatable)
        {
            widest = candidate.WidestAt(port);
            if (widest != 0)
            {
                return candidate;
            }
        }

        // Nothing answers the first byte; a wider access may still reach a device behind it.
        widest = 1;
        return null;
    }
}
