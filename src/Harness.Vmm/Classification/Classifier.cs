namespace Harness.Vmm.Classification;

/// <summary>
/// Classifies instruction forms by executing them in states that differ in one thing. Sensitivity is existential: the first state that shows it is kept as its
/// witness. Privilege is universal: the verdict counts the pairs that were tried.
/// </summary>
/// <remarks>
/// A pair of states both of whose sides fault says nothing about privilege: that generalises the exclusion of memory traps in the definition to operands that
/// no mode accepts. One whose user side retires refutes it, whatever the supervisor's does.
/// </remarks>
public sealed class Classifier : IDisposable
{
    /// <summary>Settings drawn for a form.</summary>
    public const int DefaultSettings = 96;

    private static readonly Axis[] Locations = [Axis.Memory, Axis.Segments, Axis.Tables, Axis.ControlRegisters, Axis.InterruptFlag];
    private static readonly Axis[] Resources = [Axis.Time, Axis.Platform];

    private readonly ProcessorModel _model;
    private readonly Laboratory _laboratory;
    private readonly IReadOnlyList<MonitorConfiguration> _configurations;
    private readonly Outcome _supervisor = new();
    private readonly Outcome _user = new();
    private readonly Outcome _moved = new();

    /// <summary>A classifier with a laboratory of its own; use one for each worker.</summary>
    /// <param name="model">The processor.</param>
    /// <param name="configurations">What verdicts are relative to; null: <see cref="MonitorConfiguration.Of"/>.</param>
    public Classifier(ProcessorModel model, IReadOnlyList<MonitorConfiguration>? configurations = null)
    {
        _model = model;
        _laboratory = new Laboratory(model);
        _configurations = configurations ?? MonitorConfiguration.Of(model);
    }

    /// <inheritdoc/>
    public void Dispose() => _laboratory.Dispose();

    /// <summary>Runs the experiments on one form.</summary>
    public FormVerdict Classify(InstructionForm form, GuestMode mode, int settings = DefaultSettings)
    {
        Tally[] tallies = [.. _configurations.Select(c => new Tally(c))];
        var faults = new SortedSet<Vector>();
        bool undefined = true;
        int ran = 0;
        for (int number = 0; number < settings; number++)
        {
            if (SettingGenerator.Make(_model, mode, form, number) is { } setting)
            {
                ran++;
                undefined &= Experiment(setting, mode, tallies, faults);
            }
        }

        return new FormVerdict(form, mode, [.. tallies.Select(t => t.Close())]) { Settings = ran, Faults = [.. faults], IsUndefined = undefined };
    }

    /// <summary>True: the supervisor side raised #UD.</summary>
    private bool Experiment(Setting setting, GuestMode mode, Tally[] tallies, SortedSet<Vector> faults)
    {
        bool undefined = true;
        bool first = true;
        foreach (Tally tally in tallies)
        {
            var supervisor = new Situation(mode, Side.Supervisor, tally.Verdict.Configuration, Axis.None);
            Situation user = supervisor with { Side = Side.User };
            Outcome s = _laboratory.Run(setting, supervisor, _supervisor);
            Outcome u = _laboratory.Run(setting, user, _user);
            undefined &= s.Trap == Vector.UD;
            Note(faults, s);
            Note(faults, u);
            tally.Pair(setting, supervisor, s, user, u);
            if (mode != GuestMode.Virtual8086)
            {
                // The supervisor's own behavior does not depend on what traps in user mode: it is explored once.
                Explore(setting, supervisor, s, first ? tallies : []);
            }

            Explore(setting, user, u, [tally]);
            first = false;
        }

        return undefined;
    }

    /// <summary>Effects of the run itself, then the same side with one component elsewhere.</summary>
    private void Explore(Setting setting, Situation situation, Outcome outcome, Tally[] tallies)
    {
        if (!outcome.Retired || tallies.Length == 0)
        {
            return;
        }

        foreach (Tally tally in tallies)
        {
            tally.Single(setting, situation, outcome);
        }

        foreach (Axis axis in Locations)
        {
            // Without paging there is nothing between guest-physical and host-physical memory.
            if (axis == Axis.Memory && situation.IsReal)
            {
                continue;
            }

            Compare(setting, situation, outcome, axis, Sensitivity.Location, tallies);
        }

        foreach (Axis axis in Resources)
        {
            Compare(setting, situation, outcome, axis, Sensitivity.Resource, tallies);
        }
    }

    private void Compare(Setting setting, Situation situation, Outcome outcome, Axis axis, Sensitivity kind, Tally[] tallies)
    {
        // No lambda: a classification would allocate millions of them.
        bool known = true;
        foreach (Tally tally in tallies)
        {
            known &= tally.Has(kind, situation.Side, axis);
        }

        if (known)
        {
            return;
        }

        Situation moved = situation with { Axis = axis };
        Outcome other = _laboratory.Run(setting, moved, _moved);
        if (!other.Retired)
        {
            return;
        }

        foreach (Tally tally in tallies)
        {
            tally.Single(setting, moved, other);
        }

        if (Outcome.Between(outcome, other, resources: false) is { } difference)
        {
            foreach (Tally tally in tallies)
            {
                tally.Add(kind, situation.Side, axis, new Witness(setting, situation, moved, difference));
            }
        }
    }

    private static void Note(SortedSet<Vector> faults, Outcome outcome)
    {
        if (outcome.Trap is { } vector)
        {
            faults.Add(vector);
        }
    }

    /// <summary>What has been found so far under one configuration.</summary>
    private sealed class Tally(MonitorConfiguration configuration)
    {
        private readonly SortedDictionary<(Sensitivity Kind, Side Side, Axis Axis), Finding> _findings = [];

        public ConfigurationVerdict Verdict { get; } = new(configuration);

        public bool Has(Sensitivity kind, Side side, Axis axis) => _findings.ContainsKey((kind, side, axis));

        public void Add(Sensitivity kind, Side side, Axis axis, Witness witness) =>
            _findings.TryAdd((kind, side, axis), new Finding(kind, side, axis, witness));

        public void Pair(Setting setting, Situation supervisor, Outcome s, Situation user, Outcome u)
        {
            if (s.Retired || u.Retired)
            {
                Verdict.Pairs++;
                Verdict.Trapped += u.Retired ? 0 : 1;
            }

            if (u.Retired)
            {
                Verdict.NotPrivileged ??= new Witness(setting, supervisor, user, new Difference("outcome", s.Ending, u.Ending));
            }

            // A trap in user mode hands control to the monitor; what the definition compares are runs that keep it from having any.
            if (u.Retired && !Has(Sensitivity.Mode, Side.User, Axis.None) && Outcome.Between(s, u, resources: true) is { } difference)
            {
                Add(Sensitivity.Mode, Side.User, Axis.None, new Witness(setting, supervisor, user, difference));
            }
        }

        public void Single(Setting setting, Situation situation, Outcome outcome)
        {
            if (!Has(Sensitivity.ControlSystem, situation.Side, Axis.None) && outcome.Control(segments: false) is { } system)
            {
                Add(Sensitivity.ControlSystem, situation.Side, Axis.None, new Witness(setting, situation, null, system));
            }

            if (!Has(Sensitivity.ControlSegment, situation.Side, Axis.None) && outcome.Control(segments: true) is { } segment)
            {
                Add(Sensitivity.ControlSegment, situation.Side, Axis.None, new Witness(setting, situation, null, segment));
            }

            if (outcome.PortTouched is { } port)
            {
                Add(Sensitivity.Resource, situation.Side, Axis.Platform, new Witness(setting, situation, null, port));
            }
        }

        public ConfigurationVerdict Close()
        {
            Verdict.Findings = [.. _findings.Values];
            return Verdict;
        }
    }
}
