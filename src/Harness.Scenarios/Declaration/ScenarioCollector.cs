using Harness.Records;

namespace Harness.Scenarios;

/// <summary>Takes the declarations of one script while its top level runs.</summary>
public sealed class ScenarioCollector
{
    private static readonly AsyncLocal<ScenarioCollector?> Ambient = new();

    private readonly string _baseId;
    private readonly List<ScenarioDeclaration> _scenarios = [];
    private readonly List<DeclarationProblem> _problems = [];

    private ScenarioCollector(string baseId)
    {
        _baseId = baseId;
    }

    /// <summary>The declarations, in source order.</summary>
    public IReadOnlyList<ScenarioDeclaration> Scenarios => _scenarios;

    /// <summary>The declarations that were refused, in source order.</summary>
    public IReadOnlyList<DeclarationProblem> Problems => _problems;

    /// <summary>The collector of the script whose top level is running in this flow of control.</summary>
    /// <exception cref="InvalidOperationException">None is.</exception>
    internal static ScenarioCollector Current => Ambient.Value ?? throw new InvalidOperationException(
        "Scenario(...) declares, so it belongs at the top level of a script that `harness` loads, or in a call of ScenarioProgram; not in a body.");

    /// <summary>Runs <paramref name="declare"/>, the top level of a script, and returns what it declared.</summary>
    /// <param name="baseId"><c>topic/file</c> of the script.</param>
    /// <param name="declare">Its exceptions pass through.</param>
    public static ScenarioCollector Collect(string baseId, Action declare)
    {
        var outer = Ambient.Value;
        var collector = new ScenarioCollector(baseId);
        Ambient.Value = collector;
        try
        {
            declare();
        }
        finally
        {
            Ambient.Value = outer;
        }

        return collector;
    }

    internal void Add(string title, string? covers, string? name, object? parameters, Action<ScenarioContext>? body, string file, int line)
    {
        var before = _problems.Count;
        var ids = (covers ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var id in ids)
        {
            if (CoverageCatalog.Find(id) is null)
            {
                Refuse($"covers names '{id}', which is no coverage id; `harness list` prints them all");
            }
        }

        if (body is null)
        {
            Refuse("expected a body such as s => { ... }, found null");
        }
        else if (body.Method.IsDefined(typeof(AsyncStateMachineAttribute), inherit: false))
        {
            Refuse("the body is async, so it would go on after its verdict: write it without async and await");
        }

        if (string.IsNullOrWhiteSpace(title))
        {
            Refuse("a scenario needs a title");
        }

        if (name is not null && !IsName(name))
        {
            Refuse($"the name '{name}' becomes part of a file name: use letters, digits and '-'");
        }

        var values = ReadParameters(parameters);
        if (_problems.Count == before)
        {
            var suffix = string.Concat(values.Select(p => $"_{p.Name}={SnapshotStore.Clean(p.Value)}"));
            _scenarios.Add(new ScenarioDeclaration(_baseId + (name is null ? "" : "." + name) + suffix, title, ids, file, line, values, body!));
        }

        void Refuse(string message) => _problems.Add(new DeclarationProblem(file, line, message));
    }

    // The constructor of an anonymous type lists its properties in source order, which reflection over properties does not promise.
    private static RunParameter[] ReadParameters(object? parameters)
    {
        if (parameters is null)
        {
            return [];
        }

        var type = parameters.GetType();
        var names = type.GetConstructors().Single().GetParameters().Select(p => p.Name!);
        return names.Select(n => new RunParameter(n, Text(type.GetProperty(n)!.GetValue(parameters)))).ToArray();
    }

    private static string Text(object? value) => value switch
    {
        bool flag => flag ? "true" : "false",
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "",
    };

    private static bool IsName(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
}
