using System.Diagnostics.CodeAnalysis;
using Harness.Machine.Devices;
using Harness.Records;
using Harness.Vmm;
using Harness.Vmm.Classification;
using GuestImage = Harness.Machine.GuestImage;

namespace Harness.Scenarios;

/// <summary>What the body of a scenario works with: its declaration, the options of the invocation, and the host that runs guests for it.</summary>
public sealed class ScenarioContext
{
    /// <summary>Model of the processor where a scenario names none.</summary>
    public const string DefaultCpu = "yonah";

    /// <summary>Cost profile where a scenario names none.</summary>
    public const string DefaultCost = "pentium4-2005";

    /// <summary>Budget of a run where a scenario names none, in guest ticks less halted ones.</summary>
    public const long DefaultBudget = 50_000_000;

    private readonly ScenarioRuns _runs;
    private readonly ScenarioHosts _hosts;
    private int _replays;

    /// <summary>A context for one execution of <paramref name="declaration"/>.</summary>
    public ScenarioContext(ScenarioDeclaration declaration, IScenarioHost host)
    {
        Declaration = declaration;
        Host = host;
        _runs = new ScenarioRuns(this);
        _hosts = new ScenarioHosts(this, _runs);
    }

    /// <summary>The scenario that runs.</summary>
    public ScenarioDeclaration Declaration { get; }

    /// <summary>Runs guests and keeps their records.</summary>
    public IScenarioHost Host { get; }

    /// <summary>Ends a body that takes long, when the user gives up.</summary>
    public CancellationToken Cancellation => Host.Cancellation;

    /// <summary>The engine that a check looks at, for messages; null outside of <see cref="RunSet.Each"/>.</summary>
    public string? Engine { get; internal set; }

    /// <summary>What a sweep injected into the run that is checked, in words; null outside of <see cref="Sweep"/>.</summary>
    public string? Disturbance { get; internal set; }

    /// <summary>What the body last read of a run ("eax = 00000003h of bare on yonah"), for messages of assertions that cannot know; null if nothing.</summary>
    public string? LastRead { get; internal set; }

    /// <summary>Runs a guest under every engine that the invocation asks for and that applies, the bare machine first.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="cpu">Model of the physical processor; see <c>harness list --cpus</c>.</param>
    /// <param name="cost">Cost profile; see <c>harness list --costs</c>.</param>
    /// <param name="ends">How the bare machine has to bring the run to its end; null: whichever way.</param>
    /// <param name="maxInstructions">Budget in guest ticks less halted ones.</param>
    /// <param name="settings">The rest.</param>
    /// <exception cref="ScenarioEndedException">It ended otherwise.</exception>
    /// <exception cref="ModelException">There is no such model or profile.</exception>
    public RunSet Run(
        GuestImage guest, string cpu = DefaultCpu, string cost = DefaultCost, GuestEnd? ends = GuestEnd.Done, long maxInstructions = DefaultBudget,
        RunSettings? settings = null)
    {
        Check(guest, cpu, cost);
        settings ??= new RunSettings();
        return _runs.Run(_runs.Request(guest, cpu, cost, maxInstructions, settings), ends, settings.Monitors);
    }

    /// <summary>Runs a guest with a disturbance; the rest is as in <see cref="Run"/>.</summary>
    public RunSet Inject(
        GuestImage guest, Injection injection, string cpu = DefaultCpu, string cost = DefaultCost, GuestEnd? ends = GuestEnd.Done,
        long maxInstructions = DefaultBudget, RunSettings? settings = null)
    {
        Given.NotNull(injection, "an injection such as Injection.Nmi(tick)");
        settings ??= new RunSettings();
        return Run(guest, cpu, cost, ends, maxInstructions, settings with { Injections = [.. settings.Injections, injection] });
    }

    /// <summary>
    /// Runs a guest with a disturbance, under every engine at the tick at which the k-th event of a kind occurs under one of them without it. The rest is as in
    /// <see cref="Run"/>.
    /// </summary>
    /// <param name="guest">The guest.</param>
    /// <param name="engine">The engine whose events count, "bare" for what the guest itself sees (level 0).</param>
    /// <param name="events">Which events: <c>e => e.Events.Exits.OfCause("CPUID")</c>.</param>
    /// <param name="k">Which of them, from 1.</param>
    /// <param name="inject">The disturbance at a tick: <c>Injection.Nmi</c>.</param>
    /// <param name="cpu">As in <see cref="Run"/>.</param>
    /// <param name="cost">As in <see cref="Run"/>.</param>
    /// <param name="ends">As in <see cref="Run"/>.</param>
    /// <param name="maxInstructions">As in <see cref="Run"/>.</param>
    /// <param name="settings">As in <see cref="Run"/>.</param>
    /// <exception cref="ScenarioEndedException">There are fewer events.</exception>
    public RunSet InjectAt(
        GuestImage guest, string engine, Func<GuestRun, RunEvents> events, int k, Func<long, Injection> inject, string cpu = DefaultCpu,
        string cost = DefaultCost, GuestEnd? ends = GuestEnd.Done, long maxInstructions = DefaultBudget, RunSettings? settings = null)
    {
        settings ??= new RunSettings();
        long tick = _runs.TickOf(_runs.Request(guest, cpu, cost, maxInstructions, settings), engine, events, k);
        return Inject(guest, inject(tick), cpu, cost, ends, maxInstructions, settings);
    }

    /// <summary>
    /// Runs a guest once for every tick from <paramref name="from"/> to <paramref name="to"/> with the disturbance that <paramref name="inject"/> makes for it
    /// (<c>Injection.Nmi</c>), and checks each of these runs. The rest is as in <see cref="Run"/>.
    /// </summary>
    public void Sweep(
        GuestImage guest, long from, long to, Func<long, Injection> inject, Action<RunSet> check, string cpu = DefaultCpu, string cost = DefaultCost,
        GuestEnd? ends = GuestEnd.Done, long maxInstructions = DefaultBudget, RunSettings? settings = null)
    {
        Check(guest, cpu, cost);
        Given.NotNull(inject, "a function from a tick to an injection, such as Injection.Nmi");
        Given.NotNull(check, "a check of each run, such as run => run.Each(Monitor.Any, e => e.Should().MatchBare())");
        settings ??= new RunSettings();
        _runs.Sweep(_runs.Request(guest, cpu, cost, maxInstructions, settings), ends, settings.Monitors, from, to, inject, check);
    }

    /// <summary>
    /// Runs several machines on one host, under every engine that the invocation asks for and that applies, and each machine's guest alone on the bare machine to compare
    /// with.
    /// </summary>
    /// <param name="pages">Pages of 4 KiB that all guests can have together; the monitors' own memory is not among them.</param>
    /// <param name="plan">Declares the machines.</param>
    /// <param name="cpu">As in <see cref="Run"/>.</param>
    /// <param name="cost">As in <see cref="Run"/>.</param>
    /// <param name="ends">How each machine has to end; null: whichever way.</param>
    /// <param name="settings">The rest.</param>
    /// <exception cref="ScenarioEndedException">A machine ended otherwise.</exception>
    public HostRunSet Hosted(
        int pages, Action<HostPlan> plan, string cpu = DefaultCpu, string cost = DefaultCost, GuestEnd? ends = GuestEnd.Done, HostSettings? settings = null)
    {
        Given.NotNull(plan, "a declaration of machines such as h => h.Machine(\"a\", guest)");
        if (pages < 1)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"expected pages of 4 KiB from 1; found {pages}"), nameof(pages));
        }

        var machines = new HostPlan();
        plan(machines);
        return machines.Machines.Count == 0
            ? throw new ArgumentException("A host needs a machine: h.Machine(\"a\", guest).", nameof(plan))
            : _hosts.Run(pages, machines, cpu, cost, ends, settings ?? new HostSettings());
    }

    /// <summary>What experiment says of a processor's instructions: a subject of assertions. <c>--cpu</c> does not change it.</summary>
    /// <param name="cpu">Name of a model, or a model file (<c>*.json</c>), its path relative to the script's folder.</param>
    /// <param name="mode"><c>real</c>, <c>protected</c> or <c>v86</c>.</param>
    /// <exception cref="ModelException">There is no such model.</exception>
    /// <exception cref="FormatException">There is no such mode.</exception>
    public ClassifiedProcessor Cpu(string cpu, string mode = "protected")
    {
        Given.NotNull(cpu, "the name of a processor model");
        Given.NotNull(mode, "real, protected or v86");
        return new ClassifiedProcessor(this, cpu, SituationNames.Mode(mode));
    }

    /// <summary>Runs the states of a witness again, as <c>harness classify --witness</c> prints them, and puts what differs into the snapshot.</summary>
    /// <param name="cpu">As in <see cref="Cpu"/>.</param>
    /// <param name="mode">As in <see cref="Cpu"/>.</param>
    /// <param name="configuration"><c>permissive</c>, <c>trapping</c>, <c>virtual-interrupts</c>, or with memory that the modes do not share <c>supervisor-segments</c>, <c>supervisor-pages</c>, <c>smep</c>, <c>smap</c>.</param>
    /// <param name="setting">Instruction, registers and operands in hexadecimal: <c>code=9D eax=1 esp=800 flags=0 @C800=0202</c>; what is left out is 0.</param>
    /// <param name="first"><c>supervisor</c> or <c>user</c>, with <c>+</c> and what is elsewhere: <c>user+tables</c>.</param>
    /// <param name="second">The same for the run to compare with; null: the one run from its start to its end.</param>
    /// <exception cref="ModelException">There is no such model.</exception>
    /// <exception cref="FormatException">A text is not of its form; the message says what was expected.</exception>
    public Replay Replay(string cpu, string mode, string configuration, string setting, string first, string? second = null)
    {
        Given.NotNull(cpu, "the name of a processor model");
        Given.NotNull(mode, "real, protected or v86");
        Given.NotNull(configuration, "permissive, trapping or virtual-interrupts");
        Given.NotNull(setting, "a setting such as \"code=9D esp=800\"");
        Given.NotNull(first, "supervisor or user");
        ProcessorModel model = Host.LoadModel(cpu);
        GuestMode guest = SituationNames.Mode(mode);
        MonitorConfiguration monitor = SituationNames.Configuration(model, configuration);
        using var laboratory = new Laboratory(model);
        Replay replay = Vmm.Classification.Replay.Of(
            laboratory, Setting.Parse(setting), SituationNames.Parse(guest, monitor, first), second is null ? null : SituationNames.Parse(guest, monitor, second));
        string name = string.Create(CultureInfo.InvariantCulture, $"replay {++_replays} on {cpu}, {mode} mode, {configuration}");
        Host.Add(new SnapshotFact(name, [$"{first}: {replay.FirstOutcome.Ending}", .. second is null ? Array.Empty<string>() : [$"{second}: {replay.SecondOutcome!.Ending}"], .. replay.Differences.Select(d => d.ToString())]));
        return replay;
    }

    /// <summary>
    /// Classifies the forms of one group and runs an instance of each that is sensitive, and of one innocuous one, under every engine that the invocation asks for.
    /// The rows are part of the snapshot.
    /// </summary>
    /// <param name="group">One of <see cref="FormGroup.Names"/>.</param>
    /// <param name="cpu">Model of the physical processor.</param>
    /// <param name="mode">Real-address or protected mode.</param>
    /// <param name="side">The kernel's instructions, or a user's in protected mode.</param>
    /// <exception cref="ModelException">There is no such model.</exception>
    /// <exception cref="ArgumentException">There is no such group, or no guest starts in the mode and side.</exception>
    public MatrixSet Matrix(string group, string cpu = DefaultCpu, GuestMode mode = GuestMode.Protected, Side side = Side.Supervisor) =>
        MatrixSet.Run(this, group, cpu, mode, side);

    /// <summary>Writes a line of progress; never part of a result.</summary>
    public void Log(string text) => Host.Log(text);

    /// <summary>
    /// Lines that stand in the scenario's snapshot under a name: figures that it has found, of whatever engines. A name that is there already is left as it is, and so is the
    /// snapshot's part where an option leaves out engines.
    /// </summary>
    public void Fact(string name, IEnumerable<string> lines)
    {
        Given.NotNull(name, "a name");
        Given.NotNull(lines, "the lines");
        string[] kept = [.. lines];
        if (Array.FindIndex(kept, line => line is null) is >= 0 and var index)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"expected lines of text; found null at index {index} of the fact \"{name}\""), nameof(lines));
        }

        if (Host.Options.Engines is null)
        {
            Host.Add(new SnapshotFact(name, kept));
        }
    }

    /// <summary>Ends the scenario as not applicable.</summary>
    /// <param name="reason">What it needs and does not find.</param>
    /// <exception cref="ScenarioNotApplicableException">Always.</exception>
    [DoesNotReturn]
    public void NotApplicable(string reason)
    {
        Given.NotNull(reason, "the reason in words");
        throw new ScenarioNotApplicableException(reason);
    }

    private static void Check(GuestImage guest, string cpu, string cost)
    {
        Given.NotNull(guest, "a guest such as Guest.Protected32(a => ...)");
        Given.NotNull(cpu, "the name of a processor model; `harness list --cpus` shows them");
        Given.NotNull(cost, "the name of a cost profile; `harness list --costs` shows them");
    }
}

/// <summary>What a scenario's body asks of the harness. The composition root implements it, once for each execution of a body.</summary>
public interface IScenarioHost
{
    /// <summary>The options of the invocation, which a run of a guest obeys.</summary>
    RunOptions Options { get; }

    /// <summary>Set when the user gives up.</summary>
    CancellationToken Cancellation { get; }

    /// <summary>Every engine there is, the reference first.</summary>
    IReadOnlyList<IEngine> Engines { get; }

    /// <summary>The processor model of that name, or of a model file whose path is relative to the script's folder.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    ProcessorModel LoadModel(string name);

    /// <summary>The model as <c>--cpu</c> takes it in the folder where the command runs.</summary>
    /// <param name="cpu">As <see cref="LoadModel"/> takes it.</param>
    string CpuOption(string cpu);

    /// <summary>The verdicts on a model's instruction forms in the decoder's order.</summary>
    /// <param name="cpu">As <see cref="LoadModel"/> takes it.</param>
    /// <param name="mode">The guest's mode.</param>
    /// <param name="wanted">Which forms.</param>
    IReadOnlyList<FormVerdict> Classify(string cpu, GuestMode mode, Func<InstructionForm, bool> wanted);

    /// <summary>Runs a guest under an engine.</summary>
    EngineRun Execute(RunRequest request);

    /// <summary>Runs several machines on one host, for so many ticks of all of them at most.</summary>
    HostRun Execute(HostOptions options, IReadOnlyList<HostedMachine> machines, long ticks);

    /// <summary>The command that repeats the scenario, or that shows where it went wrong.</summary>
    /// <param name="command">"run", "diverge" or "trace".</param>
    /// <param name="engine">Null: all.</param>
    string Reproduction(string command, string? engine);

    /// <summary>Keeps the record of one guest under one engine; the scenario's own fields (id, title, file, ...) are filled in by the host.</summary>
    void Add(RunRecord record);

    /// <summary>Adds a row to the matrix of the scenario's snapshot.</summary>
    void Add(MatrixRecord row);

    /// <summary>Adds a guest to the scenario's snapshot, at its first use.</summary>
    void Add(SnapshotGuest guest);

    /// <summary>Adds what a scenario found out without running a guest to its snapshot, once for each name.</summary>
    /// <param name="fact">What.</param>
    /// <param name="shows">A scenario has shown something by it, whatever else it does.</param>
    void Add(SnapshotFact fact, bool shows = true);

    /// <summary>Counts assertions: those that held, and those skipped because their engine was not run.</summary>
    void Count(int passed, int skipped);

    /// <summary>Writes a line of progress; never part of a result.</summary>
    void Log(string text);
}

/// <summary>What an invocation overrides for every run; null where it leaves the scenario's own choice.</summary>
public sealed record RunOptions
{
    /// <summary>Names of the engines to run; <c>bare</c> always runs.</summary>
    public IReadOnlyList<string>? Engines { get; init; }

    /// <summary>Processor model.</summary>
    public string? Cpu { get; init; }

    /// <summary>Cost profile.</summary>
    public string? Cost { get; init; }

    /// <summary>Seed of the random streams.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Budget of a run in guest ticks less halted ones.</summary>
    public long? MaxInstructions { get; init; }

    /// <summary>Results that these options give cannot be compared with snapshots, which hold those of the scenario's own choices.</summary>
    public bool ChangesResults => Cpu is not null || Cost is not null || Seed is not null || MaxInstructions is not null;
}

/// <summary>The scenario needs something that is not there; an outcome, not a defect.</summary>
public sealed class ScenarioNotApplicableException(string reason) : Exception(reason);
