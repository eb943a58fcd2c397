using Harness.Machine;
using Harness.Records;
using Harness.Scenarios;
using Harness.Scripting;
using Harness.Vmm;
using Harness.Vmm.Classification;
using Outcome = Harness.Records.Outcome;

namespace Harness.Running;

/// <summary>One execution of one scenario's body: the host that the body talks to, and the judge of how it ended.</summary>
internal sealed class ScenarioExecution : IScenarioHost
{
    private const string NothingShown = "nothing was run, asked or asserted, so nothing has passed: write s.Run(guest) or s.Cpu(model) and assert on what it gives; s.NotApplicable(\"why\") ends a scenario that has nothing to do";

    private readonly RunItem _item;
    private readonly ScenarioDeclaration _declaration;
    private readonly Action<string> _log;
    private readonly List<RunRequest> _requests = [];
    private readonly List<RunRecord> _records = [];
    private readonly List<SnapshotGuest> _guests = [];
    private readonly List<SnapshotFact> _facts = [];
    private readonly ClassificationCache _classifications;
    private readonly List<MatrixRecord> _matrix = [];
    private int _passed;
    private int _skipped;
    private bool _hasAsked;
    private bool _hasShownFact;

    private ScenarioExecution(
        RunItem item, ScenarioDeclaration declaration, RunOptions options, ClassificationCache classifications, Action<string> log, CancellationToken cancellation)
    {
        _classifications = classifications;
        _item = item;
        _declaration = declaration;
        _log = log;
        Options = options;
        Cancellation = cancellation;
    }

    /// <inheritdoc/>
    public RunOptions Options { get; }

    /// <inheritdoc/>
    public CancellationToken Cancellation { get; }

    /// <inheritdoc/>
    public IReadOnlyList<IEngine> Engines => EngineRegistry.All;

    /// <summary>Runs a scenario; null when the user gave up before it ended.</summary>
    public static ScenarioResult? Run(
        RunItem item, ScenarioDeclaration declaration, RunOptions options, ClassificationCache classifications, Action<string> log, CancellationToken cancellation)
    {
        return Run(new ScenarioExecution(item, declaration, options, classifications, log, cancellation));
    }

    /// <summary>Runs a scenario for the sake of the guests that it runs, in order, whatever becomes of its checks.</summary>
    public static IReadOnlyList<RunRequest> Requests(RunItem item, ScenarioDeclaration declaration, RunOptions options, CancellationToken cancellation)
    {
        var execution = new ScenarioExecution(item, declaration, options, new ClassificationCache(), _ => { }, cancellation);
        Run(execution);
        return execution._requests;
    }

    private static ScenarioResult? Run(ScenarioExecution execution)
    {
        var declaration = execution._declaration;
        var context = new ScenarioContext(declaration, execution);
        try
        {
            NamedFrame.Call($"scenario {declaration.Id} of {execution._item.File}", () => declaration.Body(context));
        }
        catch (OperationCanceledException) when (execution.Cancellation.IsCancellationRequested)
        {
            return null;
        }
        catch (ScenarioNotApplicableException e)
        {
            return execution.Conclude(Outcome.NotApplicable, e.Message);
        }
        catch (EngineNotRunException e)
        {
            execution.Count(0, 1);
            return execution.ConcludeFromRuns(execution.Place(e, e.Message));
        }
        catch (ScenarioEndedException e)
        {
            return execution.Conclude(e.Outcome, execution.Place(e, execution.Explain(context, e.Message)));
        }
        catch (Exception e)
        {
            // Any exception: whatever a body throws is the scenario's result and must not end the others.
            return IsAssertion(e)
                ? execution.Conclude(Outcome.Failed, execution.Place(e, execution.Explain(context, ScriptTrace.Message(e) + LastRead(context))))
                : execution.Conclude(Outcome.Error, execution.Place(e, execution.Explain(context, ScriptTrace.Describe(e))));
        }

        return execution.HasShownSomething
            ? execution.ConcludeFromRuns()
            : execution.Conclude(Outcome.Failed, $"{execution._item.File}({execution._item.Line}): {NothingShown}");
    }

    /// <inheritdoc/>
    public ProcessorModel LoadModel(string name) => ModelRegistry.Load(Resolve(name));

    /// <inheritdoc/>
    public string CpuOption(string cpu) => ReproductionCommand.CpuOption(_item, cpu);

    /// <inheritdoc/>
    public IReadOnlyList<FormVerdict> Classify(string cpu, GuestMode mode, Func<InstructionForm, bool> wanted)
    {
        _hasAsked = true;
        return _classifications.Get(Resolve(cpu), mode, wanted, Cancellation);
    }

    /// <inheritdoc/>
    public EngineRun Execute(RunRequest request)
    {
        _requests.Add(request);
        var run = GuestRunner.Run(request);
        _log($"{_declaration.Id}: {request.Engine.Name} on {request.Model.Name}: {run.End} at tick {run.Ticks}");
        return run;
    }

    /// <inheritdoc/>
    public HostRun Execute(HostOptions options, IReadOnlyList<HostedMachine> machines, long ticks)
    {
        using var host = new ConsolidatedHost(options, machines);
        HostRun run = host.Run(ticks);
        _log($"{_declaration.Id}: {machines.Count} machines on one host: {run.WorldSwitches} world switches in {run.Ticks} ticks");
        return run;
    }

    /// <inheritdoc/>
    public string Reproduction(string command, string? engine) => ReproductionCommand.For(_item, command, engine, Options);

    /// <inheritdoc/>
    public void Add(RunRecord record) => _records.Add(Identify(_item, record));

    /// <inheritdoc/>
    public void Add(SnapshotGuest guest) => _guests.Add(guest);

    /// <inheritdoc/>
    public void Add(SnapshotFact fact, bool shows)
    {
        _hasShownFact |= shows;
        if (!_facts.Exists(f => f.Name == fact.Name))
        {
            _facts.Add(fact);
        }
    }

    /// <inheritdoc/>
    public void Add(MatrixRecord row) => _matrix.Add(row);

    /// <inheritdoc/>
    public void Count(int passed, int skipped)
    {
        _passed += passed;
        _skipped += skipped;
    }

    /// <inheritdoc/>
    public void Log(string text) => _log($"{_declaration.Id}: {text}");

    /// <summary>The verdict on an item whose body has not run.</summary>
    public static ScenarioResult Unrun(RunItem item, string message) =>
        new(item, [Identify(item, new RunRecord { Scenario = item.Id, Outcome = Outcome.Error, Message = message })], null);

    private static RunRecord Identify(RunItem item, RunRecord record) => record with
    {
        Scenario = item.Id,
        Title = item.Declaration?.Title ?? item.Id,
        Covers = item.Declaration?.Covers ?? [],
        File = item.File,
        Line = item.Line,
        Parameters = item.Declaration?.Parameters ?? [],
    };

    private string Resolve(string cpu) => ModelRegistry.IsFile(cpu) ? Path.GetFullPath(cpu, Path.GetDirectoryName(Path.GetFullPath(_declaration.File))!) : cpu;

    // By name: FluentAssertions throws the exception of whichever test framework it finds, and is not loaded only to ask.
    private static bool IsAssertion(Exception exception) => exception.GetType().Name is "AssertionFailedException" or "AssertionException";

    private bool HasShownSomething => _hasAsked || _hasShownFact || _requests.Count + _records.Count + _matrix.Count + _passed + _skipped > 0
        || BodyAssertions.AreIn(_declaration.Body.Method);

    private ScenarioResult ConcludeFromRuns(string? note = null)
    {
        foreach (var bad in (Outcome[])[Outcome.Error, Outcome.Failed, Outcome.Limit])
        {
            if (_records.Find(r => r.Outcome == bad) is { } record)
            {
                return Conclude(bad, $"{record.Engine}: {record.Message}");
            }
        }

        return _records.Count > 0 && _records.TrueForAll(r => r.Outcome == Outcome.NotApplicable)
            ? Conclude(Outcome.NotApplicable, _records[0].Message)
            : Conclude(Outcome.Passed, note);
    }

    private ScenarioResult Conclude(Outcome outcome, string? message)
    {
        var snapshot = outcome == Outcome.Passed && _records.Count + _facts.Count + _matrix.Count > 0 && !Options.ChangesResults
            ? _item.Snapshots?.Compare(
                new SnapshotContent(_item.Id, _declaration.Title, _guests, _records) { Facts = _facts, Matrix = _matrix }, narrowed: Options.Engines is not null)
            : null;
        if (outcome is not (Outcome.Passed or Outcome.NotApplicable))
        {
            _item.Snapshots?.Discard(_item.Id);
        }

        var verdict = new RunRecord
        {
            Scenario = _item.Id,
            Outcome = outcome,
            Message = message,
            Snapshot = snapshot?.Verdict ?? SnapshotVerdict.None,
            Facts = _facts,
            Checks = new CheckCount(_passed, outcome == Outcome.Failed ? 1 : 0, _skipped),
        };
        return new ScenarioResult(_item, [.. _records, Identify(_item, verdict)], snapshot);
    }

    // What a check was looking at, and how to have it looked at again.
    private string Explain(ScenarioContext context, string message)
    {
        var subject = context switch
        {
            { Engine: { } engine, Disturbance: { } disturbance } => $"under {engine} with {disturbance}: ",
            { Engine: { } engine } => $"under {engine}: ",
            { Disturbance: { } disturbance } => $"with {disturbance}: ",
            _ => "",
        };
        return $"{subject}{message}\nAgain: {Reproduction("run", context.Engine)}";
    }

    private static string LastRead(ScenarioContext context) => context.LastRead is { } read ? $"\nLast read: {read}" : "";

    private string Place(Exception exception, string message)
    {
        var place = ScriptTrace.Locate(exception, Path.GetDirectoryName(_declaration.File)!);

        // A call that is the body's last instruction may have replaced its frame.
        return place is not { } at ? $"{_item.File}({_item.Line}): {message}" : $"{(at.File == _declaration.File ? _item.File : Path.GetFileName(at.File))}({at.Line}): {message}";
    }
}
