using Harness.Engines.Bare;
using Harness.Machine;
using Harness.Records;
using Harness.Running;
using Harness.Scenarios;
using Harness.Vmm;
using Harness.Vmm.Classification;

namespace Harness.Tests.Scenarios.Running;

/// <summary>Runs a body with engines of the test's choice and keeps what it hands over.</summary>
internal sealed class FakeHost(params IEngine[] engines) : IScenarioHost
{
    public RunOptions Options { get; init; } = new();

    public CancellationToken Cancellation => CancellationToken.None;

    public IReadOnlyList<IEngine> Engines { get; } = [new BareEngine(), .. engines];

    public List<RunRecord> Records { get; } = [];

    public List<SnapshotGuest> Guests { get; } = [];

    /// <summary>The forms that a model is taken to have; null: all.</summary>
    public Func<InstructionForm, bool>? Classified { get; init; }

    public List<SnapshotFact> Facts { get; } = [];

    public List<MatrixRecord> Matrix { get; } = [];

    public List<RunRequest> Requests { get; } = [];

    public (int Passed, int Skipped) Checks { get; private set; }

    public void Run(Action<ScenarioContext> body) => body(new ScenarioContext(new ScenarioDeclaration("t/x", "title", [], "x.cs", 1, [], body), this));

    public ProcessorModel LoadModel(string name) => ProcessorModel.Load(name);

    public string CpuOption(string cpu) => cpu;

    public IReadOnlyList<FormVerdict> Classify(string cpu, GuestMode mode, Func<InstructionForm, bool> wanted) =>
        ClassificationRunner.Run(LoadModel(cpu), [mode], form => wanted(form) && Classified?.Invoke(form) != false, new InlineExecutor());

    public EngineRun Execute(RunRequest request)
    {
        Requests.Add(request);
        return GuestRunner.Run(request);
    }

    public HostRun Execute(HostOptions options, IReadOnlyList<HostedMachine> machines, long ticks)
    {
        using var host = new ConsolidatedHost(options, machines);
        return host.Run(ticks);
    }

    public string Reproduction(string command, string? engine) => $"harness {command} t/x {engine}";

    public void Add(RunRecord record) => Records.Add(record);

    public void Add(MatrixRecord row) => Matrix.Add(row);

    public void Add(SnapshotGuest guest) => Guests.Add(guest);

    public void Add(SnapshotFact fact, bool shows = true) => Facts.Add(fact);

    public void Count(int passed, int skipped) => Checks = (Checks.Passed + passed, Checks.Skipped + skipped);

    public void Log(string text)
    {
    }
}
