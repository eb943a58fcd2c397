using Harness.Records;
using Harness.Running;

namespace Harness.Cli.Output;

/// <summary>Forms of the results on standard output.</summary>
internal enum ResultFormat
{
    /// <summary>A table for people.</summary>
    Console,

    /// <summary>Run records, one JSON object a line.</summary>
    Json,

    /// <summary>The Test Anything Protocol, version 13.</summary>
    Tap,
}

/// <summary>Writes results as they come, in order.</summary>
internal abstract class ResultWriter : IDisposable
{
    /// <summary>The writer of a form.</summary>
    public static ResultWriter Create(ResultFormat format, CommandEnvironment environment, bool quiet) => format switch
    {
        ResultFormat.Json => new JsonResults(environment),
        ResultFormat.Tap => new TapResults(environment),
        _ => new ConsoleResults(environment, quiet),
    };

    /// <summary>Called first, with all that will run.</summary>
    public virtual void Begin(IReadOnlyList<RunItem> items)
    {
    }

    /// <summary>Called for every result.</summary>
    public virtual void Add(ScenarioResult result)
    {
    }

    /// <summary>Called last, also after a run that was given up.</summary>
    public virtual void End(IReadOnlyList<ScenarioResult> results, IReadOnlyList<SnapshotComparison> orphans)
    {
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}

/// <summary>Run records as they come.</summary>
internal sealed class JsonResults(CommandEnvironment environment) : ResultWriter
{
    private readonly RecordWriter _writer = RecordWriter.To(environment.Output);

    /// <inheritdoc/>
    public override void Add(ScenarioResult result)
    {
        foreach (var record in result.Records)
        {
            _writer.Write(record);
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _writer.Dispose();
}

/// <summary>The Test Anything Protocol: a line for each verdict, its message as diagnostics.</summary>
internal sealed class TapResults(CommandEnvironment environment) : ResultWriter
{
    private int _number;

    /// <inheritdoc/>
    public override void Begin(IReadOnlyList<RunItem> items) => environment.Out.WriteLine($"TAP version 13\n1..{items.Count}");

    /// <inheritdoc/>
    public override void Add(ScenarioResult result)
    {
        var verdict = result.Verdict;
        var skipped = verdict.Outcome == Outcome.NotApplicable;
        var line = $"{(result.IsGood ? "ok" : "not ok")} {++_number} - {result.Item.Id}";
        environment.Out.WriteLine(skipped ? $"{line} # SKIP {OneLine(verdict.Message)}" : line);
        var complaint = result.Snapshot is { Message.Length: > 0 } snapshot ? $"snapshot {ResultNames.Of(snapshot.Status)}: {snapshot.Message}" : verdict.Message;
        if (!skipped && complaint is not null)
        {
            environment.Out.WriteLine("# " + complaint.Replace("\n", "\n# ", StringComparison.Ordinal));
        }
    }

    private static string OneLine(string? message) => (message ?? "").Replace('\n', ' ');
}
