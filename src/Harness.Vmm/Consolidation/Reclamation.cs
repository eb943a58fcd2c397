namespace Harness.Vmm;

/// <summary>How short of memory a host is, and so what it does about it (Waldspurger, OSDI 2002, 6.3).</summary>
public enum ReclamationState
{
    /// <summary>Enough is free; nothing is taken.</summary>
    High,

    /// <summary>Balloons are inflated; who has none is swapped.</summary>
    Soft,

    /// <summary>Pages are swapped: balloons are too slow.</summary>
    Hard,

    /// <summary>Pages are swapped, and machines with more than their target do not run.</summary>
    Low,
}

/// <summary>The thresholds between the states, as percentages of the memory that guests can have.</summary>
public static class Reclamation
{
    /// <summary>Free memory of the states high, soft, hard and low, in percent (6.3).</summary>
    private static readonly int[] Thresholds = [6, 4, 2, 1];

    /// <summary>Free memory that belongs to a state, in percent.</summary>
    public static int Percent(ReclamationState state) => Thresholds[(int)state];

    /// <summary>
    /// The state after the free memory has changed. A state is entered when less is free than belongs to it, and left for a better one only when as much is free as
    /// belongs to that one, so that a host does not waver between two.
    /// </summary>
    /// <param name="current">The state so far.</param>
    /// <param name="free">Free pages.</param>
    /// <param name="managed">Pages that guests can have together, those that they have included.</param>
    public static ReclamationState Next(ReclamationState current, int free, int managed)
    {
        ReclamationState state = current;
        while (state != ReclamationState.Low && IsBelow(free, managed, state + 1))
        {
            state++;
        }

        while (state != ReclamationState.High && !IsBelow(free, managed, state - 1))
        {
            state--;
        }

        return state;
    }

    private static bool IsBelow(int free, int managed, ReclamationState state) => (long)free * 100 < (long)managed * Percent(state);
}
