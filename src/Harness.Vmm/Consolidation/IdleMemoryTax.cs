namespace Harness.Vmm;

/// <summary>What decides about a machine's memory: its shares, what it has at least and at most, and how much of what it has is in use, from 0 to 1. Pages.</summary>
public readonly record struct MemoryClaim(int Shares, int Minimum, int Maximum, double Active);

/// <summary>
/// Share-based allocation with a tax on idle memory (Waldspurger, OSDI 2002, 5.1 and 5.2): memory is taken from whoever pays the fewest shares for a page
/// (min-funding revocation), where a page that is idle costs k = 1 / (1 - tax) as much as one that is in use.
/// </summary>
public static class IdleMemoryTax
{
    /// <summary>Of the paper's system (5.2).</summary>
    public const double DefaultRate = 0.75;

    /// <summary>Shares for a page: S / (P (f + k (1 - f))) with S shares, P pages, of which the part f is in use; infinite for no pages.</summary>
    /// <param name="shares">From 1.</param>
    /// <param name="pages">From 0.</param>
    /// <param name="active">From 0 to 1.</param>
    /// <param name="rate">The tax, from 0 to below 1.</param>
    public static double Ratio(int shares, int pages, double active, double rate)
    {
        double cost = 1 / (1 - rate);
        return pages == 0 ? double.PositiveInfinity : shares / (pages * (active + cost * (1 - active)));
    }

    /// <summary>
    /// How many pages each may have of those that there are: all begin with their maximum, and pages are taken one by one from whoever has the lowest ratio and more than
    /// its minimum; the first of equals. If the minima are more than there is, each has its minimum.
    /// </summary>
    public static int[] Targets(IReadOnlyList<MemoryClaim> claims, int available, double rate)
    {
        int[] targets = [.. claims.Select(c => c.Maximum)];
        int excess = targets.Sum() - available;
        for (; excess > 0; excess--)
        {
            int poorest = -1;
            double lowest = double.PositiveInfinity;
            for (int i = 0; i < targets.Length; i++)
            {
                double ratio = Ratio(claims[i].Shares, targets[i], claims[i].Active, rate);
                if (targets[i] > claims[i].Minimum && ratio < lowest)
                {
                    (poorest, lowest) = (i, ratio);
                }
            }

            if (poorest < 0)
            {
                break;
            }

            targets[poorest]--;
        }

        return targets;
    }
}
