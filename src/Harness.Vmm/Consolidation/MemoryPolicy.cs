namespace Harness.Vmm;

/// <summary>
/// When a host looks for equal pages, samples, sets targets and takes memory (Waldspurger, OSDI 2002, sections 4 to 6). Everything happens between time slices.
/// </summary>
internal sealed class MemoryPolicy
{
    /// <summary>Draws for each sample that is wanted, where most of a machine's pages have no frame or are drawn already.</summary>
    private const int Attempts = 8;
    private readonly HostOptions _options;
    private readonly HostMemory _memory;
    private readonly RandomStream _random;
    private readonly MachineClaim[] _machines;
    private readonly List<(ReclamationState State, long Time)> _states = [(ReclamationState.High, 0)];

    public MemoryPolicy(HostOptions options, HostMemory memory, IReadOnlyList<HostedMachine> machines, RandomStream random)
    {
        _options = options;
        _memory = memory;
        _random = random;
        _machines =
        [
            .. machines.Select((m, i) => new MachineClaim(m, memory.Machines[i]) { Target = memory.Machines[i].Pages }),
        ];
        SetTargets();
    }

    /// <summary>What the policy knows of a machine.</summary>
    public sealed class MachineClaim(HostedMachine machine, MachineMemory memory)
    {
        public HostedMachine Machine => machine;

        public MachineMemory Memory => memory;

        public ActivityEstimate Activity { get; } = new();

        public List<int> Samples { get; } = [];

        /// <summary>Frames that it may have.</summary>
        public int Target { get; set; }

        /// <summary>Pages that its balloon is asked to hold; null: it has no balloon.</summary>
        public int? Balloon { get; set; } = machine.Request.Devices.Balloon ? 0 : null;

        /// <summary>Where the next scan for equal pages begins.</summary>
        public int Cursor { get; set; }

        public bool HasEnded { get; set; }

        /// <summary>Frames that nobody else is in.</summary>
        public int Private => memory.Present - memory.Shared;
    }

    public IReadOnlyList<MachineClaim> Machines => _machines;

    public ReclamationState State => _states[^1].State;

    /// <summary>The states in order, with the host's time at which each began.</summary>
    public IReadOnlyList<(ReclamationState State, long Time)> States => _states;

    /// <summary>Free pages that the host wants to have.</summary>
    private int Wanted => (_memory.Managed * Reclamation.Percent(ReclamationState.High) + 99) / 100;

    /// <summary>Whether a machine has to wait because memory is low and it has more than its target.</summary>
    public bool IsBlocked(int machine) => State == ReclamationState.Low && Excess(_machines[machine]) > 0;

    /// <summary>Between two time slices: follows the free memory, and takes what the state asks for.</summary>
    public void AfterSlice(long time)
    {
        Note(time);
        if (State != ReclamationState.High)
        {
            SetTargets();
            SetBalloons();
            Swap(m => State != ReclamationState.Soft || m.Balloon is null);
        }

        RestoreReserve();
    }

    /// <summary>At the end of a period: looks for equal pages, and at what is in use.</summary>
    public void AfterPeriod(long time)
    {
        foreach (MachineClaim machine in _machines.Where(m => !m.HasEnded))
        {
            EndSamples(machine);
            Scan(machine);
        }

        SetTargets();
        Note(time);
        SetBalloons();
        foreach (MachineClaim machine in _machines.Where(m => !m.HasEnded))
        {
            BeginSamples(machine);
        }
    }

    private static int Excess(MachineClaim machine) => machine.HasEnded ? 0 : Math.Max(0, machine.Private - machine.Target);

    private void Note(long time)
    {
        ReclamationState next = Reclamation.Next(State, _memory.Free, _memory.Managed);
        if (next != State)
        {
            _states.Add((next, time));
        }
    }

    private void SetTargets()
    {
        MachineClaim[] running = [.. _machines.Where(m => !m.HasEnded)];
        MemoryClaim[] claims =
        [
            .. running.Select(m => new MemoryClaim(
                m.Machine.MemoryShares, (int)(m.Machine.MinimumBytes / Ram.PageSize), m.Memory.Pages, m.Activity.With(m.Memory.SamplesTouched, m.Samples.Count))),
        ];
        int[] targets = IdleMemoryTax.Targets(claims, _memory.Managed - Wanted - _memory.SharedFrames, _options.IdleTax);
        for (int i = 0; i < running.Length; i++)
        {
            running[i].Target = targets[i];
        }
    }

    /// <summary>
    /// Who has more than its target is asked for the rest. While there is enough, balloons shrink by what there is beyond, so that a guest gets back what nobody
    /// else needs.
    /// </summary>
    private void SetBalloons()
    {
        MachineClaim[] asked = [.. _machines.Where(m => !m.HasEnded && m.Balloon is not null)];
        if (asked.Length == 0)
        {
            return;
        }

        int spare = State == ReclamationState.High ? Math.Max(0, _memory.Free - Wanted) / asked.Length : 0;
        foreach (MachineClaim machine in asked)
        {
            int held = machine.Memory.Ballooned;
            machine.Balloon = State == ReclamationState.High ? Math.Max(0, held - spare) : held + Excess(machine);
        }
    }

    private void Swap(Predicate<MachineClaim> which)
    {
        for (int i = 0; i < _options.PagesPerSwap && _memory.Free < Wanted; i++)
        {
            MachineClaim? richest = _machines.Where(m => Excess(m) > 0 && which(m)).MaxBy(Excess);
            if (richest is null || !_memory.SwapOut(richest.Memory))
            {
                return;
            }
        }
    }

    /// <summary>
    /// What keeps an instruction going when the last frame is gone has to be there again before the next slice, however few pages may be swapped and whatever the
    /// targets say: who has most beyond its minimum gives.
    /// </summary>
    private void RestoreReserve()
    {
        while (_memory.IsShort
            && _machines.Where(m => !m.HasEnded).OrderByDescending(m => m.Memory.Present - m.Machine.MinimumBytes / Ram.PageSize).Any(m => _memory.SwapOut(m.Memory)))
        {
        }
    }

    private void Scan(MachineClaim machine)
    {
        for (int i = 0; _options.SharesPages && i < Math.Min(_options.PagesPerScan, machine.Memory.Pages); i++)
        {
            _memory.Sharing.Scan(machine.Memory.First + machine.Cursor);
            machine.Cursor = (machine.Cursor + 1) % machine.Memory.Pages;
        }
    }

    private void EndSamples(MachineClaim machine)
    {
        int touched = machine.Samples.Count(_memory.EndSample);
        machine.Activity.Add(touched, machine.Samples.Count);
        machine.Samples.Clear();
    }

    /// <summary>Pages in frames, each of them as likely as another; one that is drawn twice counts once.</summary>
    private void BeginSamples(MachineClaim machine)
    {
        MachineMemory memory = machine.Memory;
        memory.BeginSamples();
        int wanted = Math.Min(_options.SamplesPerPeriod, memory.Present);
        for (int i = 0; i < Attempts * wanted && machine.Samples.Count < wanted; i++)
        {
            int page = memory.First + _random.Below(memory.Pages);
            ref HostPage p = ref _memory[page];
            if (p.State == PageState.Present && !p.IsSampled)
            {
                _memory.Sample(page);
                machine.Samples.Add(page);
            }
        }
    }
}
