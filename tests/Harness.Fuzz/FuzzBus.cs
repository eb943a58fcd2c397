using Harness.Machine;
using Harness.Machine.Devices;

namespace Harness.Fuzz;

/// <summary>Ports, a page of device registers, and one interrupt and one NMI at given ticks. All that the guest does to it goes into a hash.</summary>
internal sealed class FuzzBus : IProcessorBus, IMemoryDevice
{
    private long _interruptAt;
    private long _nmiAt;
    private long _now;
    private long _advanced;
    private byte _vector;

    /// <summary>Whether accesses to the device page are at the tick of an instruction: those of a page walk to tables in a device are at none.</summary>
    public required Func<bool> HasTicks { get; init; }

    /// <summary>Of all accesses, with their ticks.</summary>
    public ulong Hash { get; private set; }

    public long NextDeadline => Math.Min(_interruptAt > _advanced ? _interruptAt : long.MaxValue, _nmiAt > _advanced ? _nmiAt : long.MaxValue);

    public bool InterruptPending => _interruptAt <= _advanced;

    public bool NmiPending => _nmiAt <= _advanced;

    public bool StopRequested => false;

    public void Start(in FirstState first)
    {
        _interruptAt = first.InterruptAt;
        _nmiAt = first.NmiAt;
        _vector = first.InterruptVector;
        _advanced = -1;
        _now = 0;
        Hash = 0;
    }

    public void Note(ulong value) => Hash = Chance.Mix(Hash + value + 1);

    public uint In(ushort port, int size, long now)
    {
        Note((ulong)port << 8 | (uint)size);
        Note((ulong)now);
        return (uint)(Chance.Mix(Hash) & (ulong.MaxValue >> (64 - 8 * size)));
    }

    public void Out(ushort port, int size, uint value, long now)
    {
        Note((ulong)value << 24 | (ulong)port << 8 | (uint)size | 0x80);
        Note((ulong)now);
    }

    public void SetNow(long now) => _now = now;

    public void AdvanceTo(long now) => _advanced = now;

    public byte AcknowledgeInterrupt()
    {
        _interruptAt = long.MaxValue;
        return _vector;
    }

    public void AcknowledgeNmi() => _nmiAt = long.MaxValue;

    /// <summary>A page walk may read it too, at no particular tick, so the value depends on the place alone.</summary>
    public ulong Read(ulong offset, int size) => Chance.Mix(offset) & (ulong.MaxValue >> (64 - 8 * size));

    public void Write(ulong offset, int size, ulong value)
    {
        Note(offset << 8 | (uint)size);
        Note(value & (ulong.MaxValue >> (64 - 8 * size)));
        Note(HasTicks() ? (ulong)_now : 0);
    }
}
