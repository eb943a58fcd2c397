namespace Harness.Vmm;

/// <summary>
/// Which machine runs next: stride scheduling (Waldspurger and Weihl, MIT/LCS/TM-528, 1995), with a minimum and a maximum in percent of the time in a window. A machine's pass grows by
/// time over shares, and the lowest pass runs, the first of equals. Who is below its minimum in the window comes before the others, who has its maximum waits.
/// </summary>
internal sealed class StrideScheduler
{
    private const long Unit = 1 << 20;
    private readonly IReadOnlyList<HostedMachine> _machines;
    private readonly long _window;
    private readonly long[] _passes;
    private readonly long[] _used;
    private long _time;

    /// <param name="machines">Their shares, minima and maxima.</param>
    /// <param name="window">Ticks over which minima and maxima hold.</param>
    public StrideScheduler(IReadOnlyList<HostedMachine> machines, long window)
    {
        _machines = machines;
        _window = window;
        _passes = new long[machines.Count];
        _used = new long[machines.Count];
    }

    /// <summary>The machine that runs next among those that can; -1: none can. If all that can have had their maximum, the maxima do not count: nobody else wants the time.</summary>
    public int Next(Func<int, bool> canRun)
    {
        int best = -1;
        (bool, bool, long) rank = default;
        for (int i = 0; i < _machines.Count; i++)
        {
            if (!canRun(i))
            {
                continue;
            }

            bool isCapped = _machines[i].MaximumPercent < 100 && _used[i] * 100 >= _machines[i].MaximumPercent * _window;
            bool isServed = _used[i] * 100 >= _machines[i].MinimumPercent * _window;
            (bool, bool, long) mine = (isCapped, isServed, _passes[i]);
            if (best < 0 || mine.CompareTo(rank) < 0)
            {
                (best, rank) = (i, mine);
            }
        }

        return best;
    }

    /// <summary>A machine has run.</summary>
    public void Charge(int machine, long ticks)
    {
        _passes[machine] += ticks * Unit / _machines[machine].Shares;
        _used[machine] += ticks;
        _time += ticks;
        if (_time >= _window)
        {
            _time = 0;
            Array.Clear(_used);
        }
    }
}
