namespace Harness.Tests.Isa;

/// <summary>Operand values for sweeps: all of them at 8 bits, boundaries and a fixed pseudo-random sequence above.</summary>
public static class Operands
{
    private const int RandomCount = 5_000;

    public static readonly int[] Widths = [8, 16, 32];

    /// <summary>No flag, CF alone, all flags, all but CF.</summary>
    public static readonly uint[] SomeStatuses = [0, 0x001, 0x8D5, 0x8D4];

    /// <summary>All 64 combinations of the status flags.</summary>
    public static readonly uint[] AllStatuses = [.. Enumerable.Range(0, 0x1000).Select(bits => (uint)bits).Where(bits => (bits & ~0x8D5u) == 0)];

    public static ulong Mask(int bits) => (1ul << bits) - 1;

    /// <summary>Every value at 8 bits, else boundaries and random values.</summary>
    public static IEnumerable<ulong> Values(int bits)
    {
        if (bits == 8)
        {
            return Enumerable.Range(0, 256).Select(value => (ulong)value);
        }

        return Boundaries(bits).Concat(RandomPairs(bits).Select(pair => pair.Left).Take(RandomCount / 5));
    }

    /// <summary>Every pair at 8 bits, else all pairs of boundaries and random pairs.</summary>
    public static IEnumerable<(ulong Left, ulong Right)> Pairs(int bits)
    {
        if (bits == 8)
        {
            return from left in Values(8) from right in Values(8) select (left, right);
        }

        return (from left in Boundaries(bits) from right in Boundaries(bits) select (left, right)).Concat(RandomPairs(bits));
    }

    /// <summary>0, the powers of two and their neighbours, and their complements.</summary>
    public static ulong[] Boundaries(int bits)
    {
        IEnumerable<ulong> near = Enumerable.Range(0, bits).SelectMany(bit => new[] { (1ul << bit) - 1, 1ul << bit, (1ul << bit) + 1 });
        return [.. near.SelectMany(value => new[] { value, ~value & Mask(bits) }).Distinct().Order()];
    }

    private static IEnumerable<(ulong Left, ulong Right)> RandomPairs(int bits)
    {
        var random = new Random(bits);
        for (int i = 0; i < RandomCount; i++)
        {
            yield return ((ulong)random.NextInt64() & Mask(bits), (ulong)random.NextInt64() & Mask(bits));
        }
    }
}
