namespace Harness.Vmm;

/// <summary>
/// A run's effects as cumulative hashes: equal up to the first step that differs and different ever after, even if the states meet again. Memory is bounded: a
/// long run keeps the hash of every 2^k-th step, and what lies between is found by running again.
/// </summary>
public sealed class EffectLog
{
    private const int MaximumMarks = 1 << 12;
    private readonly List<(ulong Effects, ulong Flow)> _marks = [];
    private EffectHash _effects;
    private EffectHash _flow;

    /// <summary>How many steps (see <see cref="GuestStep"/>) the run had.</summary>
    public long Steps { get; private set; }

    /// <summary>Of all effects.</summary>
    public ulong Hash => _effects.Value;

    /// <summary>Steps between two kept hashes: a power of 2.</summary>
    internal long Stride { get; private set; } = 1;

    internal void Add(ulong step, ulong address)
    {
        _effects.Add(step);
        _flow.Add(address);
        Steps++;
        if (Steps % Stride != 0)
        {
            return;
        }

        _marks.Add((_effects.Value, _flow.Value));
        if (_marks.Count == MaximumMarks)
        {
            for (int i = 0; i < MaximumMarks / 2; i++)
            {
                _marks[i] = _marks[2 * i + 1];
            }

            _marks.RemoveRange(MaximumMarks / 2, MaximumMarks / 2);
            Stride *= 2;
        }
    }

    /// <summary>The steps among which the first different one is, or null: no step differs.</summary>
    internal static StepWindow? FirstDifference(EffectLog a, EffectLog b) => Find(a, b, mark => mark.Effects, log => log._effects.Value);

    /// <summary>The steps among which the first is that executes another instruction.</summary>
    internal static StepWindow? FirstOtherFlow(EffectLog a, EffectLog b) => Find(a, b, mark => mark.Flow, log => log._flow.Value);

    private static StepWindow? Find(EffectLog a, EffectLog b, Func<(ulong Effects, ulong Flow), ulong> of, Func<EffectLog, ulong> last)
    {
        if (a.Steps == b.Steps && last(a) == last(b))
        {
            return null;
        }

        long stride = Math.Max(a.Stride, b.Stride);
        long common = Math.Min(a.Steps, b.Steps) / stride;

        // The first k for which the hashes after k strides differ; they are cumulative, so that all later ones do.
        long low = 0;
        long high = common + 1;
        while (high - low > 1)
        {
            long middle = low + (high - low) / 2;
            if (of(a.MarkAt(middle * stride)) == of(b.MarkAt(middle * stride)))
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return new StepWindow(low * stride + 1, (low + 1) * stride);
    }

    private (ulong Effects, ulong Flow) MarkAt(long step) => _marks[(int)(step / Stride - 1)];
}

/// <summary>Steps by number, both ends included.</summary>
internal readonly record struct StepWindow(long First, long Last);
