namespace Harness.Vmm.Classification;

/// <summary>The kinds of sensitivity (Popek and Goldberg, CACM 17(7), 1974), and the third class beside them.</summary>
public enum Sensitivity : byte
{
    /// <summary>Control sensitive: it changes the mode or R, segment registers apart.</summary>
    ControlSystem,

    /// <summary>Control sensitive: it loads a segment register.</summary>
    ControlSegment,

    /// <summary>Behavior sensitive: the result depends on the mode.</summary>
    Mode,

    /// <summary>Behavior sensitive: the result depends on where R is, component by component: see <see cref="Finding.Axis"/>.</summary>
    Location,

    /// <summary>Outside the theorems unless asked for: it shows time or the platform, or acts on the platform.</summary>
    Resource,
}

/// <summary>The executed states that prove a finding.</summary>
/// <param name="Setting">Instruction, registers and operands.</param>
/// <param name="First">Where it ran first.</param>
/// <param name="Second">Where it ran then; null where one run is the proof, from its start to its end.</param>
/// <param name="Difference">What differs.</param>
public sealed record Witness(Setting Setting, Situation First, Situation? Second, Difference Difference);

/// <summary>One proven property of a form under a configuration.</summary>
public sealed record Finding(Sensitivity Kind, Side Side, Axis Axis, Witness Witness)
{
    /// <summary><c>control(system)</c>, <c>mode</c>, <c>location(tables)</c>, <c>resource(time)</c>, ...</summary>
    public string Name => Kind switch
    {
        Sensitivity.ControlSystem => "control(system)",
        Sensitivity.ControlSegment => "control(segment)",
        Sensitivity.Mode => "mode",
        Sensitivity.Location => $"location({SituationNames.Of(Axis)})",
        _ => $"resource({SituationNames.Of(Axis)})",
    };
}

/// <summary>What experiment says of a form, relative to a monitor's configuration.</summary>
public enum FormClass : byte
{
    /// <summary>Every pair that was tried traps in user mode and does not in supervisor mode. Never proven, only not refuted.</summary>
    Privileged,

    /// <summary>Sensitive, and executes in user mode without a trap in some pair.</summary>
    Sensitive,

    /// <summary>No state was found that makes it control or behavior sensitive.</summary>
    Innocuous,

    /// <summary>Every run of both sides faulted: nothing was seen.</summary>
    Undecided,

    /// <summary>Every run of the supervisor side raised #UD and none of the user side retired: the mode or the model has no such instruction.</summary>
    Absent,
}

/// <summary>The verdict on one form under one configuration.</summary>
public sealed class ConfigurationVerdict
{
    internal ConfigurationVerdict(MonitorConfiguration configuration) => Configuration = configuration;

    /// <summary>What the verdict is relative to.</summary>
    public MonitorConfiguration Configuration { get; }

    /// <summary>Pairs of which a side retired: those that can tell whether the form is privileged.</summary>
    public int Pairs { get; internal set; }

    /// <summary>Of these, those whose user side trapped.</summary>
    public int Trapped { get; internal set; }

    /// <summary>In the order of kind, side, axis.</summary>
    public IReadOnlyList<Finding> Findings { get; internal set; } = [];

    /// <summary>The first pair that refutes the privileged predicate, or null.</summary>
    public Witness? NotPrivileged { get; internal set; }

    /// <inheritdoc/>
    public override string ToString() => $"{Configuration.Name}: {Trapped} of {Pairs} trapped; {string.Join(", ", Findings.Select(f => f.Name))}";

    /// <summary>Every pair trapped, and there was one.</summary>
    public bool IsPrivileged => Pairs > 0 && NotPrivileged is null;

    /// <summary>Control or behavior sensitive; with <paramref name="segments"/> loads of segment registers count, with <paramref name="resources"/> the third class.</summary>
    public bool IsSensitive(bool segments = true, bool resources = false) => Findings.Any(f => Counts(f, segments, resources));

    /// <summary>Control or location sensitive in a state of user mode: what Theorem 3 asks about.</summary>
    public bool IsUserSensitive(bool segments = true, bool resources = false) =>
        Findings.Any(f => f.Side == Side.User && f.Kind != Sensitivity.Mode && Counts(f, segments, resources));

    private static bool Counts(Finding f, bool segments, bool resources) =>
        f.Kind switch
        {
            Sensitivity.ControlSegment => segments,
            Sensitivity.Resource => resources,
            _ => true,
        };
}

/// <summary>Everything found about one form in one mode.</summary>
public sealed class FormVerdict
{
    internal FormVerdict(InstructionForm form, GuestMode mode, IReadOnlyList<ConfigurationVerdict> configurations)
    {
        Form = form;
        Mode = mode;
        Configurations = configurations;
    }

    /// <summary>The form.</summary>
    public InstructionForm Form { get; }

    /// <summary>The guest's mode.</summary>
    public GuestMode Mode { get; }

    /// <summary>Settings that ran, in all situations each.</summary>
    public int Settings { get; internal set; }

    /// <summary>Faults that runs ended with, of either side, ascending: the reason why a form is undecided.</summary>
    public IReadOnlyList<Vector> Faults { get; internal set; } = [];

    /// <summary>No run of the supervisor side ended in anything but #UD.</summary>
    public bool IsUndefined { get; internal set; }

    /// <summary>One for each configuration, the most permissive first.</summary>
    public IReadOnlyList<ConfigurationVerdict> Configurations { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Form} ({Mode})";

    /// <summary>No run of any side retired.</summary>
    public bool NothingSeen => Configurations.All(c => c.Pairs == 0);

    /// <summary>The class under a configuration; segment loads count as control.</summary>
    public FormClass ClassOf(ConfigurationVerdict verdict) =>
        verdict.Pairs == 0 ? NothingSeen && IsUndefined ? FormClass.Absent : FormClass.Undecided
        : verdict.IsPrivileged ? FormClass.Privileged
        : verdict.IsSensitive() ? FormClass.Sensitive
        : FormClass.Innocuous;
}
