using Harness.Scenarios;
using Harness.Vmm;

namespace Harness.Running;

/// <summary>The guests that a scenario runs, for commands that look into a run.</summary>
public static class ScenarioGuests
{
    /// <summary>The requests for one engine in the order of the scenario's runs, with everything that the scenario gives them.</summary>
    /// <param name="item">A scenario that was loaded.</param>
    /// <param name="options">Name the engine among <see cref="RunOptions.Engines"/>.</param>
    /// <param name="cancellation">Ends the runs.</param>
    public static ILookup<string, RunRequest> Find(RunItem item, RunOptions options, CancellationToken cancellation) =>
        ScenarioExecution.Requests(item with { Snapshots = null }, item.Declaration!, options, cancellation).ToLookup(r => r.Engine.Name);
}
