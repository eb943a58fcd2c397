namespace Harness.Fuzz;

/// <summary>A stream of random values that the seed and the number of the input determine (SplitMix64).</summary>
public sealed class Chance(ulong seed, long number)
{
    private const ulong Increment = 0x9E3779B97F4A7C15;
    private ulong _state = Mix(seed * Increment) ^ Mix((ulong)number + 1);

    /// <summary>64 random bits.</summary>
    public ulong Next64()
    {
        _state += Increment;
        return Mix(_state);
    }

    /// <summary>32 random bits.</summary>
    public uint Next() => (uint)(Next64() >> 32);

    /// <summary>0 up to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => (int)((Next64() >> 32) * (ulong)bound >> 32);

    /// <summary>True in so many of a hundred cases.</summary>
    public bool Percent(int share) => Below(100) < share;

    /// <summary>One of the values.</summary>
    public T Of<T>(ReadOnlySpan<T> values) => values[Below(values.Length)];

    /// <summary>The finalizer of SplitMix64; also what hashes are built from.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
        value = (value ^ value >> 27) * 0x94D049BB133111EB;
        return value ^ value >> 31;
    }
}
