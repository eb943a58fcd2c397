using System.Runtime.CompilerServices;
using Harness.Records;
using Harness.Running;
using Harness.Scenarios;
using Harness.Scripting;

namespace Harness;

/// <summary>
/// Runs scenarios that a program or a unit test declares in its own code, with the same calls as a script. Ids and snapshots are those of a script in
/// place of the calling file; a file that is not on this computer compares no snapshot.
/// </summary>
public static class ScenarioProgram
{
    /// <summary>Runs the scenarios and prints a line for each, for a file-based program: <c>return ScenarioProgram.Run(() => Scenario(...));</c></summary>
    /// <param name="declare">Declares them.</param>
    /// <param name="output">Takes the results; standard output when null.</param>
    /// <param name="file">Filled in by the compiler.</param>
    /// <returns>The exit code: 0 when every result is good, 2 when one is not, 5 when a declaration is at fault.</returns>
    public static int Run(Action declare, TextWriter? output = null, [CallerFilePath] string file = "")
    {
        output ??= Console.Out;
        var results = Execute(declare, file, out var problems);
        foreach (var problem in problems)
        {
            output.WriteLine($"{problem.File}({problem.Line},1): error {ScriptDiagnostic.Declaration}: {problem.Message}");
        }

        foreach (var result in results)
        {
            output.WriteLine(Describe(result));
        }

        return problems.Count > 0 ? 5 : results.All(r => r.IsGood) ? 0 : 2;
    }

    /// <summary>Runs the scenarios for a unit test.</summary>
    /// <param name="declare">Declares them.</param>
    /// <param name="file">Filled in by the compiler.</param>
    /// <exception cref="ScenarioFailedException">A result is not good, or a declaration is at fault.</exception>
    public static void Check(Action declare, [CallerFilePath] string file = "")
    {
        var results = Execute(declare, file, out var problems);
        var complaints = problems.Select(p => $"{p.File}({p.Line}): {p.Message}").Concat(results.Where(r => !r.IsGood).Select(Describe)).ToList();
        if (complaints.Count > 0)
        {
            throw new ScenarioFailedException(string.Join('\n', complaints));
        }
    }

    private static List<ScenarioResult> Execute(Action declare, string file, out IReadOnlyList<DeclarationProblem> problems)
    {
        var root = ScriptWorkspace.RootOf(Path.GetDirectoryName(file)!);
        var workspace = new ScriptWorkspace(Environment.CurrentDirectory);
        var declared = ScenarioCollector.Collect(ScriptWorkspace.IdOf(root, file), declare);
        var snapshots = File.Exists(file) ? new SnapshotStore(ScriptWorkspace.SnapshotFolder(root)) : null;
        var items = declared.Scenarios.OrderBy(s => s.Id, StringComparer.Ordinal).Select(s => new RunItem
        {
            Id = s.Id,
            Script = workspace.Display(file),
            File = workspace.Display(s.File),
            Line = s.Line,
            Declaration = s,
            Snapshots = snapshots,
        }).ToList();
        problems = declared.Problems;
        var results = new List<ScenarioResult>();
        new ScenarioRunner(new InlineExecutor(), new RunOptions(), _ => { }).Run(items, results.Add, null, CancellationToken.None);
        return results;
    }

    private static string Describe(ScenarioResult result)
    {
        var snapshot = result.Snapshot is { Message.Length: > 0 } comparison ? $"\n    {comparison.Message}" : "";
        var message = result.Verdict.Message is { } text ? $"\n    {text}" : "";
        return $"{(result.IsGood ? "ok" : "not ok")}  {result.Item.Id}{message}{snapshot}";
    }
}

/// <summary>Scenarios of a unit test did not pass; the message says which, why and where.</summary>
public sealed class ScenarioFailedException(string message) : Exception(message);
