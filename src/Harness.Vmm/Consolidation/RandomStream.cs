namespace Harness.Vmm;

/// <summary>Numbers from a seed, the same on every computer: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, figure 11).</summary>
internal sealed class RandomStream(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 to below <paramref name="end"/>, which is at least 1.</summary>
    public int Below(int end) => (int)(Next() % (ulong)end);
}
