using Harness.Records;
using Harness.Reports;
using Harness.Running;

namespace Harness.Cli.Output;

/// <summary>Forms of the results on standard output.</summary>
internal enum ResultFormat
{
    /// <summary>A table for people.</summary>
    Console,

    /// <summary>Run records, one JSON object a line.</summary>
    Json,

    /// <summary>JUnit XML.</summary>
    Junit,

    /// <summary>The Test Anything Protocol.</summary>
    Tap,
}

/// <summary>Takes results as they come, in order.</summary>
internal abstract class ResultWriter : IDisposable
{
    /// <summary>The writer of a form.</summary>
    public static ResultWriter Create(ResultFormat format, CommandEnvironment environment, bool quiet, bool verbose) => format switch
    {
        ResultFormat.Json => new JsonResults(environment),
        ResultFormat.Junit => new ReportResults(environment, records => Report.JUnit(records, [])),
        ResultFormat.Tap => new ReportResults(environment, Report.Tap),
        _ => new ConsoleResults(environment, quiet, verbose),
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

/// <summary>A report that is written as a whole.</summary>
internal sealed class ReportResults(CommandEnvironment environment, Func<IReadOnlyList<RunRecord>, string> render) : ResultWriter
{
    /// <inheritdoc/>
    public override void End(IReadOnlyList<ScenarioResult> results, IReadOnlyList<SnapshotComparison> orphans) =>
        environment.Out.Write(render(results.SelectMany(r => r.Records).ToList()));
}
