namespace Harness.Vmm;

/// <summary>
/// Which part of a machine's memory is in use, by samples (Waldspurger, OSDI 2002, 5.3): a slow and a fast moving average over periods and the samples of the period
/// that is under way; the highest of them counts, so that a machine that becomes busy gets its memory soon, and one that becomes idle loses it late.
/// </summary>
/// <remarks>The paper does not say how fast the averages are: a fourth and a half of the way in a period are assumptions.</remarks>
internal sealed class ActivityEstimate
{
    private const double SlowWeight = 0.25;
    private const double FastWeight = 0.5;
    private double _slow = 1;
    private double _fast = 1;

    /// <summary>From 0 to 1; before the first sample all of it.</summary>
    public double Active => Math.Max(_slow, _fast);

    /// <summary>The estimate with the unfinished samples of a period.</summary>
    public double With(int touched, int sampled) => sampled == 0 ? Active : Math.Max(Active, Mix(_fast, (double)touched / sampled, FastWeight));

    /// <summary>A period has ended.</summary>
    public void Add(int touched, int sampled)
    {
        if (sampled == 0)
        {
            return;
        }

        double now = (double)touched / sampled;
        _slow = Mix(_slow, now, SlowWeight);
        _fast = Mix(_fast, now, FastWeight);
    }

    private static double Mix(double old, double now, double weight) => old + (now - old) * weight;
}
