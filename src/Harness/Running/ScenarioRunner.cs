using Harness.Scenarios;

namespace Harness.Running;

/// <summary>Runs scenarios and hands on their results in the order of the items, as soon as that order allows, however many run at a time.</summary>
/// <param name="executor">Runs the bodies.</param>
/// <param name="options">What the invocation overrides.</param>
/// <param name="log">Takes lines of progress, from several bodies at a time.</param>
public sealed class ScenarioRunner(IExecutor executor, RunOptions options, Action<string> log)
{
    private readonly ClassificationCache _classifications = new();

    /// <summary>Runs the items.</summary>
    /// <param name="items">In the order of the results.</param>
    /// <param name="completed">Called once for every item, never concurrently; not for those that the user's giving up left without a result.</param>
    /// <param name="early">Called besides for a result that has to wait for others, as soon as it is there; null: not at all.</param>
    /// <param name="cancellation">The user gives up.</param>
    public ExecutionEnd Run(IReadOnlyList<RunItem> items, Action<ScenarioResult> completed, Action<ScenarioResult>? early, CancellationToken cancellation)
    {
        var order = new ResultOrder(items.Count, completed, early);
        var end = executor.Execute(items.Count, i => order.Add(i, Run(items[i], cancellation)), isLimited: true, cancellation);
        order.Close(i => end switch
        {
            { Overrun: { } overrun } when overrun == i => ScenarioExecution.Unrun(items[i], $"{items[i].File}({items[i].Line}): {end.Complaint}"),
            { Overrun: { } overrun } => ScenarioExecution.Unrun(items[i], $"not run: {items[overrun].Id} {end.Complaint}"),
            _ => null,
        });
        return end;
    }

    private ScenarioResult? Run(RunItem item, CancellationToken cancellation) => item.Failure is { } failure
        ? ScenarioExecution.Unrun(item, failure)
        : ScenarioExecution.Run(item, item.Declaration!, options, _classifications, log, cancellation);

    // Holds results back until those before them are there.
    private sealed class ResultOrder(int count, Action<ScenarioResult> completed, Action<ScenarioResult>? early)
    {
        private readonly Lock _lock = new();
        private readonly ScenarioResult?[] _results = new ScenarioResult?[count];
        private int _next;
        private bool _closed;

        public void Add(int index, ScenarioResult? result)
        {
            lock (_lock)
            {
                if (_closed)
                {
                    return; // A body that was given up on, after all.
                }

                _results[index] = result;
                if (index != _next && result is not null)
                {
                    early?.Invoke(result);
                }

                while (_next < count && _results[_next] is { } ready)
                {
                    _next++;
                    completed(ready);
                }
            }
        }

        public void Close(Func<int, ScenarioResult?> missing)
        {
            lock (_lock)
            {
                _closed = true;
                for (; _next < count; _next++)
                {
                    if ((_results[_next] ?? missing(_next)) is { } result)
                    {
                        completed(result);
                    }
                }
            }
        }
    }
}
