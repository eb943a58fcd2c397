using Harness.Records;
using Harness.Scripting;

namespace Harness.Running;

/// <summary>What a set of scripts declares.</summary>
/// <param name="Items">Scenarios and failed scripts, by id.</param>
/// <param name="Problems">What the user has to mend, as <c>file(line,col): error CODE: message</c>, by script.</param>
/// <param name="Unknown">Complaints about scenarios that were asked for by id and that their script does not declare.</param>
/// <param name="HasDuplicates">Two scenarios have one id, so none may run.</param>
/// <param name="Files">Full paths of the scripts and of all that they load, some more than once.</param>
/// <param name="End">How loading ended.</param>
public sealed record LoadedScenarios(
    IReadOnlyList<RunItem> Items, IReadOnlyList<string> Problems, IReadOnlyList<string> Unknown, bool HasDuplicates, IReadOnlyList<string> Files, ExecutionEnd End);

/// <summary>Loads scripts and puts what they declare in order.</summary>
public sealed class ScenarioLoader(ScriptWorkspace workspace, ScriptHost host, IExecutor executor)
{
    /// <summary>Loads the scripts.</summary>
    public LoadedScenarios Load(IReadOnlyList<ScriptFile> scripts, CancellationToken cancellation)
    {
        var loaded = new LoadedScript?[scripts.Count];
        var prepared = new PreparedScript?[scripts.Count];
        executor.Execute(scripts.Count, i => prepared[i] = host.Prepare(scripts[i]), isLimited: false, cancellation);
        var end = executor.Execute(scripts.Count, i => Volatile.Write(ref loaded[i], prepared[i]!.Declare()), isLimited: true, cancellation);

        var items = new List<RunItem>();
        var problems = new List<string>();
        var unknown = new List<string>();
        for (var i = 0; i < scripts.Count; i++)
        {
            var snapshots = new SnapshotStore(ScriptWorkspace.SnapshotFolder(scripts[i].Root));
            var failure = end.Overrun is not { } overrun ? null
                : overrun == i ? $"{workspace.Display(scripts[i].Path)}: {end.Complaint}" : $"not run: {scripts[overrun].Id} {end.Complaint}";
            if (end.Overrun != i && Volatile.Read(ref loaded[i]) is { } script)
            {
                items.AddRange(ItemsOf(script, snapshots).Select(item => item with { Failure = item.Failure ?? failure }));
                problems.AddRange(script.Problems.Select(Show));
                unknown.AddRange(Unknown(script));
            }
            else if (failure is not null)
            {
                var file = workspace.Display(scripts[i].Path);
                items.Add(new RunItem { Id = scripts[i].Id, Script = file, File = file, Failure = failure, Snapshots = snapshots });
            }
        }

        items.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        var duplicates = items.Zip(items.Skip(1)).Where(pair => pair.First.Id == pair.Second.Id).Select(pair => Show(new ScriptDiagnostic(
            pair.Second.Declaration?.File ?? pair.Second.File, pair.Second.Line, 1, ScriptDiagnostic.Declaration,
            $"the id '{pair.Second.Id}' is also that of {pair.First.File}({pair.First.Line}): give each a name:"))).ToList();
        return new LoadedScenarios(items, [.. problems, .. duplicates], unknown, duplicates.Count > 0, [.. prepared.SelectMany(p => p?.Files ?? [])], end);
    }

    private IEnumerable<string> Unknown(LoadedScript script)
    {
        var declared = script.Scenarios.Select(s => s.Id).Order(StringComparer.Ordinal).ToList();
        return script.Outcome != LoadOutcome.Declared || script.Script.Scenarios is not { } asked ? []
            : asked.Except(declared).Select(id => $"no scenario '{id}'; {workspace.Display(script.Script.Path)} declares {(declared.Count == 0 ? "none" : string.Join(", ", declared))}");
    }

    private string Show(ScriptDiagnostic problem) => problem.ToString(workspace.Display(problem.File));

    private IEnumerable<RunItem> ItemsOf(LoadedScript script, SnapshotStore snapshots)
    {
        var file = workspace.Display(script.Script.Path);
        if (script.Outcome == LoadOutcome.Declared)
        {
            return script.Scenarios.Where(s => script.Script.Means(s.Id)).Select(s => new RunItem
            {
                Id = s.Id,
                Script = file,
                File = workspace.Display(s.File),
                Line = s.Line,
                Declaration = s,
                Snapshots = snapshots,
            });
        }

        return
        [
            new RunItem
            {
                Id = script.Script.Id,
                Script = file,
                File = file,
                Line = script.Problems[0].Line,
                Failure = string.Join('\n', script.Problems.Select(Show)),
                Refused = script.Outcome == LoadOutcome.Refused,
                Snapshots = snapshots,
            },
        ];
    }
}
