namespace Harness.NativeOracle;

/// <summary>A seeded stream of numbers (SplitMix64), equal on every computer.</summary>
public sealed class Chance
{
    private ulong _state;

    /// <summary>The stream of one case.</summary>
    /// <param name="seed">Seed of the campaign.</param>
    /// <param name="number">Number of the case: cases are independent of each other.</param>
    public Chance(ulong seed, int number)
    {
        _state = seed * 0xD1342543DE82EF95 + (ulong)number * 0x2545F4914F6CDD1D;
        Next();
    }

    /// <summary>The next 32 bits.</summary>
    public uint Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (uint)((z ^ (z >> 31)) >> 16);
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    /// <param name="bound">At least 1.</param>
    public int Below(int bound) => (int)(((ulong)Next() * (ulong)bound) >> 32);

    /// <summary>True in so many cases of a hundred.</summary>
    /// <param name="percent">0 to 100.</param>
    public bool Percent(int percent) => Below(100) < percent;

    /// <summary>One of the values.</summary>
    /// <param name="values">At least one.</param>
    public T Of<T>(params ReadOnlySpan<T> values) => values[Below(values.Length)];

    /// <summary>An operand value: half of them at the borders of 8, 16 and 32 bits.</summary>
    public uint Value()
    {
        return Below(4) switch
        {
            0 => Of<uint>(0, 1, 2, 3, 0xFFFFFFFF, 0xFFFFFFFE, 0x7F, 0x80, 0x81, 0xFF, 0x100),
            1 => Of<uint>(0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0x0F0F0F0F, 0x99999999, 0x80808080),
            _ => Next(),
        };
    }
}
