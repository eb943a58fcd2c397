namespace Harness.Vmm.Classification;

/// <summary>An access to a port.</summary>
public readonly record struct PortAccess(ushort Port, int Size, uint Value, bool Write);

/// <summary>Ports that answer by their number and by which platform it is; nothing ever interrupts.</summary>
internal sealed class LabBus : IProcessorBus
{
    private readonly List<PortAccess> _accesses = [];

    /// <summary>Which platform answers.</summary>
    public uint Platform { get; set; }

    public long NextDeadline => long.MaxValue;

    public bool InterruptPending => false;

    public bool NmiPending => false;

    public bool StopRequested => false;

    /// <summary>The accesses since the last call, in order.</summary>
    public PortAccess[] Take()
    {
        if (_accesses.Count == 0)
        {
            return [];
        }

        PortAccess[] accesses = [.. _accesses];
        _accesses.Clear();
        return accesses;
    }

    public uint In(ushort port, int size, long now)
    {
        uint value = (uint)(LabChance.Mix(port + ((ulong)Platform << 32)) & (ulong.MaxValue >> (64 - 8 * size)));
        _accesses.Add(new PortAccess(port, size, value, false));
        return value;
    }

    public void Out(ushort port, int size, uint value, long now) => _accesses.Add(new PortAccess(port, size, value, true));

    public void SetNow(long now)
    {
    }

    public void AdvanceTo(long now)
    {
    }

    public byte AcknowledgeInterrupt() => throw new InvalidOperationException("nothing interrupts in the laboratory");

    public void AcknowledgeNmi() => throw new InvalidOperationException("nothing interrupts in the laboratory");
}

/// <summary>A stream of numbers that is the same on every computer (splitmix64, Steele, Lea and Flood, OOPSLA 2014).</summary>
internal sealed class LabChance(ulong seed)
{
    private ulong _state = seed;

    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    public uint Next()
    {
        _state += 0x9E3779B97F4A7C15;
        return (uint)(Mix(_state) >> 32);
    }

    public int Below(int bound) => (int)(Next() % (uint)bound);

    public bool OneIn(int n) => Below(n) == 0;

    public T Of<T>(IReadOnlyList<T> values) => values[Below(values.Count)];
}
