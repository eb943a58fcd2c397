namespace Harness.Vmm.Classification;

/// <summary>How an engine had the instruction executed.</summary>
public enum CellOutcome : byte
{
    /// <summary>By the processor, without the monitor.</summary>
    Direct,

    /// <summary>By the monitor, without an event of the instruction's own.</summary>
    Emulated,

    /// <summary>It led to the monitor: <see cref="MatrixCell.Events"/>.</summary>
    Event,

    /// <summary>There is no run: <see cref="MatrixCell.Reason"/>.</summary>
    NotApplicable,
}

/// <summary>Events of one kind and cause at the instruction; <paramref name="Cause"/> is a vector or an exit reason.</summary>
public readonly record struct CellEvent(EngineEventKind Kind, string Cause, int Count);

/// <summary>One form under one engine.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Outcome">Who executed it.</param>
/// <param name="Events">Traps, exits, callouts and hypercalls at the instruction, in order of their first occurrence. Faults that only fill a shadow table belong to the page.</param>
/// <param name="Wrong">The first value that the guest sees otherwise than on the bare machine, by this very instruction; null: none.</param>
/// <param name="Reason">Why there is no run; else empty.</param>
public sealed record MatrixCell(IEngine Engine, CellOutcome Outcome, IReadOnlyList<CellEvent> Events, Divergence? Wrong, string Reason)
{
    /// <summary>The instance that ran: the row's, or another that the engine gets wrong; null: there is no run.</summary>
    public Setting? Setting { get; init; }

    /// <summary>Where it ran.</summary>
    public Situation Situation { get; init; }

    internal static MatrixCell None(IEngine engine, string reason) => new(engine, CellOutcome.NotApplicable, [], null, reason);
}

/// <summary>One form under every engine.</summary>
/// <param name="Verdict">What the classification says of it.</param>
/// <param name="Group">See <see cref="FormGroup.Of"/>.</param>
/// <param name="Setting">An instance that retires on the bare machine, if there is one; null: none runs there.</param>
/// <param name="Situation">Where it ran.</param>
/// <param name="Cells">In the order of the engines.</param>
public sealed record MatrixRow(FormVerdict Verdict, string Group, Setting? Setting, Situation Situation, IReadOnlyList<MatrixCell> Cells)
{
    /// <summary>The cell of the engine of that name, or null.</summary>
    public MatrixCell? Find(string engine) => Cells.FirstOrDefault(c => c.Engine.Name == engine);
}

/// <summary>The virtualization matrix: instruction forms against engines. Which forms, and with which operands, comes from the classification; what a cell says, from runs.</summary>
public sealed class FormMatrix
{
    /// <summary>Longest run: the preamble, the instruction, the way to the end.</summary>
    private const long Budget = 400;

    /// <summary>Settings beside the witnesses' in which a wrong result is looked for.</summary>
    private const int Draws = 6;
    /// <summary>
    /// Code of kernel and program, which shows the ring that it really runs in; code and data of ring 0 by an RPL of 1 and 3, where deprivileged kernels really run: they show
    /// who compares with which level. Last, a gate, which tables made for the processor may not have.
    /// </summary>
    private static readonly ushort[] _aims =
        [LabLayout.Code0, LabLayout.Code0 | 1, LabLayout.Stack0 | 1, LabLayout.Code0 | 3, LabLayout.Stack0 | 3, LabLayout.Code3 | 3, LabLayout.CallGate | 3];

    private readonly ProcessorModel _model;
    private readonly GuestMode _mode;
    private readonly Side _side;
    private readonly CostProfile _costs;
    private readonly IEngine _bare;
    private readonly IReadOnlyList<IEngine> _engines;
    private readonly IReadOnlyList<string?> _refusals;

    /// <summary>Engines under which code of this mode and side runs as it is, but with a kernel, or itself, in another mode than on the bare machine.</summary>
    private readonly MonitorKind _displacing;

    /// <summary>A matrix of a model.</summary>
    /// <param name="model">The physical processor.</param>
    /// <param name="mode">Real-address or protected mode.</param>
    /// <param name="side">Whose instruction it is: the kernel's or, in protected mode, a user's.</param>
    /// <param name="engines">The reference first; the rest are the columns.</param>
    /// <param name="costs">What runs are made with; no cell depends on it.</param>
    public FormMatrix(ProcessorModel model, GuestMode mode, Side side, IReadOnlyList<IEngine> engines, CostProfile costs)
    {
        _model = model;
        _mode = mode;
        _side = side;
        _costs = costs;
        _displacing = MonitorKind.Deprivileged | MonitorKind.Translating | MonitorKind.Paravirtual
            | (side == Side.User ? MonitorKind.Hybrid : 0) | (mode == GuestMode.Real ? MonitorKind.HardwareAssisted : 0);
        _bare = engines[0];
        _engines = [.. engines.Skip(1)];
        GuestImage any = FormGuest.Build(model, new Setting { Code = [0x90], Registers = new uint[8] }, new Situation(mode, side, MonitorConfiguration.Permissive, Axis.None));
        _refusals = [.. _engines.Select(e => GuestRunner.NotApplicable(Request(e, any)))];
    }

    /// <summary>The forms that have a row: all that are sensitive, show a resource or are privileged, and the first innocuous one of each group.</summary>
    /// <param name="verdicts">Of one mode, in the order of the catalogue.</param>
    public static IReadOnlyList<FormVerdict> Select(IEnumerable<FormVerdict> verdicts)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return [.. verdicts.Where(v => HasFindings(v) || (IsInnocuous(v) && seen.Add(FormGroup.Of(v.Form))))];
    }

    /// <summary>Runs an instance of the form under every engine.</summary>
    public MatrixRow Row(FormVerdict verdict)
    {
        string group = FormGroup.Of(verdict.Form);
        var home = new Situation(_mode, _side, verdict.Configurations[0].Configuration, Axis.None);
        if (ProcessorModel.Withholdable.Where(f => _model.Has(f) && !_model.Without(f).Has(verdict.Form.Code)).Cast<Feature?>().FirstOrDefault() is { } feature)
        {
            return new MatrixRow(verdict, group, null, home, [.. _engines.Select(e => MatrixCell.None(e, $"{feature} is not shown to guests"))]);
        }

        return Search(verdict, group, home)
            ?? new MatrixRow(verdict, group, null, home, [.. _engines.Select(e => MatrixCell.None(e, "it faults on the bare machine in every state that was tried"))]);
    }

    private static bool HasFindings(FormVerdict verdict) =>
        !verdict.NothingSeen && verdict.Configurations.Any(c => c.IsPrivileged || c.IsSensitive(resources: true));

    private static bool IsInnocuous(FormVerdict verdict) => !verdict.NothingSeen && !HasFindings(verdict);

    /// <summary>
    /// An instance that retires on the bare machine, under every engine; but an engine that gets another one wrong has the cell of that one, which is what the matrix is for.
    /// </summary>
    private MatrixRow? Search(FormVerdict verdict, string group, Situation home)
    {
        MatrixRow? best = null;
        var wrong = new (MatrixCell Cell, bool Retires)?[_engines.Count];
        (Setting Setting, Situation Situation)? first = null;
        foreach ((Setting setting, Situation situation, bool isLast) in Candidates(verdict, home))
        {
            bool isComplete = best is not null && Missing(best) == 0;
            if (isComplete && (isLast || !_engines.Where((_, i) => MayGoWrong(i, wrong[i])).Any()))
            {
                break;
            }

            GuestImage guest = FormGuest.Build(_model, setting, situation);
            Probe bare = Run(_bare, guest);
            if (bare.Form is null)
            {
                continue;
            }

            MatrixRow? row = isComplete || !bare.Retires ? null : Row(verdict, group, setting, situation, guest, bare);
            best = row is not null && (best is null || Missing(row) < Missing(best)) ? row : best;
            for (int i = 0; i < wrong.Length && !isLast; i++)
            {
                if (MayGoWrong(i, wrong[i]) && (bare.Retires || wrong[i] is null) && (row?.Cells[i] ?? Cell(_engines[i], guest, bare)) is { Wrong: not null } cell)
                {
                    wrong[i] = (cell with { Setting = setting, Situation = situation }, bare.Retires);
                    first ??= (setting, situation);
                }
            }
        }

        if (best is null && first is var (only, where))
        {
            GuestImage guest = FormGuest.Build(_model, only, where);
            best = Row(verdict, group, only, where, guest, Run(_bare, guest));
        }

        return best is null ? null : best with { Cells = [.. best.Cells.Select((c, i) => wrong[i] is var (cell, _) ? cell : c)] };
    }

    private MatrixRow Row(FormVerdict verdict, string group, Setting setting, Situation situation, GuestImage guest, Probe bare) => new(
        verdict, group, setting, situation,
        [.. _engines.Select((e, i) => _refusals[i] is { } reason ? MatrixCell.None(e, reason) : Cell(e, guest, bare) with { Setting = setting, Situation = situation })]);

    /// <summary>The engine runs the instruction in another mode than it would run in on the bare machine, and no instance that retires there has shown it yet.</summary>
    private bool MayGoWrong(int engine, (MatrixCell Cell, bool Retires)? found) =>
        found is not { Retires: true } && _refusals[engine] is null && (_engines[engine].Kind & _displacing) != 0;

    /// <summary>It is sensitive and need not trap: there may be operands with which a kernel that is not in the mode that it believes to be in goes wrong.</summary>
    private static bool IsSuspect(FormVerdict verdict) => verdict.Configurations.Any(c => c.IsSensitive()) && !verdict.Configurations.Any(c => c.IsPrivileged);

    /// <summary>Cells without a run that another instance of the form might have.</summary>
    private int Missing(MatrixRow row) => row.Cells.Where((c, i) => c.Outcome == CellOutcome.NotApplicable && _refusals[i] is null).Count();

    /// <summary>The states of the witnesses; if the form may go wrong, settings with selectors that show it; other settings of the form, the last ones only for want of a run.</summary>
    private IEnumerable<(Setting Setting, Situation Situation, bool IsLast)> Candidates(FormVerdict verdict, Situation home)
    {
        bool isSuspect = IsSuspect(verdict);
        List<(Setting Setting, Axis Axis)> seen = [];
        foreach (Finding finding in verdict.Configurations[0].Findings)
        {
            foreach (Situation? at in (Situation?[])[finding.Witness.First, finding.Witness.Second])
            {
                if (at is { } situation && situation.Side == _side && !seen.Contains((finding.Witness.Setting, situation.Axis)))
                {
                    seen.Add((finding.Witness.Setting, situation.Axis));
                    yield return (finding.Witness.Setting, situation, false);
                }
            }
        }

        foreach (ushort selector in !isSuspect ? [] : _mode == GuestMode.Protected ? _aims : [(ushort)(LabLayout.Code >> 4)])
        {
            if (SettingGenerator.Aim(_model, _mode, verdict.Form, selector) is { } setting)
            {
                yield return (setting, home, false);
            }
        }

        for (int number = 0; number < Classifier.DefaultSettings; number++)
        {
            if (SettingGenerator.Make(_model, _mode, verdict.Form, number) is { } setting)
            {
                yield return (setting, home, !isSuspect || number >= Draws);
            }
        }
    }

    private MatrixCell Cell(IEngine engine, GuestImage guest, Probe bare)
    {
        Probe probe = Run(engine, guest);
        if (probe.Run.End == GuestEnd.Unsupported)
        {
            return MatrixCell.None(engine, probe.Run.StopReason!);
        }

        Divergence? first = Equivalence.First(bare.Run, probe.Run, bare.Steps, probe.Steps);
        if (first is not null && first.Tick < bare.Form!.Tick)
        {
            throw new InvalidOperationException($"{engine.Name} diverges before the instruction that the guest {guest.Name} is for: {first}.");
        }

        CellEvent[] events = [.. probe.Events.GroupBy(e => (e.Kind, e.Cause)).Select(g => new CellEvent(g.Key.Kind, g.Key.Cause, g.Count()))];
        CellOutcome outcome = events.Length > 0 ? CellOutcome.Event : probe.IsEmulated ? CellOutcome.Emulated : CellOutcome.Direct;
        return new MatrixCell(engine, outcome, events, first, "");
    }

    private Probe Run(IEngine engine, GuestImage guest)
    {
        var steps = new List<GuestStep>();
        var events = new List<EngineEvent>();
        var inCache = new List<EngineEvent>();
        EngineRun run = GuestRunner.Run(Request(engine, guest), new StepFilter(new StepWindow(1, long.MaxValue), 0, long.MaxValue, steps.Add), Note);

        // Where in the cache it was, nobody knows: the guest has no other such instruction.
        var probe = new Probe(run, steps, events);
        string mnemonic = probe.Form?.Instruction.Split(' ')[0] ?? "";
        events.AddRange(inCache.Where(e => e.Instruction == mnemonic));
        return probe;

        void Note(EngineEvent e)
        {
            if (e.Kind == EngineEventKind.InCache)
            {
                inCache.Add(e);
            }

            // A debug trap is told of at the instruction behind: INT1's is (SDM Vol. 3A, 6.5).
            bool leads = e.Kind is EngineEventKind.Trap or EngineEventKind.Exit or EngineEventKind.Callout or EngineEventKind.Hypercall;
            if (leads && e.Level > 0 && (e.Address == FormGuest.Address || (e.Cause == "#DB" && e.Address == guest.Marks[0].End)))
            {
                events.Add(e);
            }
        }
    }

    private RunRequest Request(IEngine engine, GuestImage guest) => new()
    {
        Engine = engine,
        Model = _model,
        Guest = guest,
        Costs = _costs,
        MaxInstructions = Budget,
    };

    private sealed record Probe(EngineRun Run, IReadOnlyList<GuestStep> Steps, IReadOnlyList<EngineEvent> Events)
    {
        /// <summary>The instruction, or what comes behind its fault; null: the guest did not get there, or nobody is told of its fault.</summary>
        public GuestStep? Form { get; } = Steps.FirstOrDefault(s => IsForm(s) || s.Deliveries.Any(d => d.Address == FormGuest.Address && d.IsException));

        /// <summary>By the monitor; a fault comes of whoever executed the instruction before.</summary>
        public bool IsEmulated => Retires ? !Form!.IsDirect : Steps.TakeWhile(s => s != Form).LastOrDefault() is { IsDirect: false };

        /// <summary>The instruction retired.</summary>
        public bool Retires => Form is not null && IsForm(Form);

        private static bool IsForm(GuestStep step) => step.Address == FormGuest.Address && step.Instruction.Length > 0;
    }
}
