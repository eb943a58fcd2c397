using System.Runtime.Loader;
using Harness.Scenarios;

namespace Harness.Scripting;

/// <summary>What became of a script.</summary>
public enum LoadOutcome
{
    /// <summary>Its scenarios can run.</summary>
    Declared,

    /// <summary>It cannot be read, does not compile, breaks a rule, or declares something at fault.</summary>
    Refused,

    /// <summary>Its top level threw.</summary>
    Threw,
}

/// <summary>A script after loading: its scenarios, or what keeps it from having any.</summary>
public sealed class LoadedScript : IDisposable
{
    private readonly AssemblyLoadContext? _context;

    private LoadedScript(ScriptFile script, LoadOutcome outcome, IReadOnlyList<ScenarioDeclaration> scenarios, IReadOnlyList<ScriptDiagnostic> problems,
        AssemblyLoadContext? context)
    {
        Script = script;
        Outcome = outcome;
        Scenarios = scenarios;
        Problems = problems;
        _context = context;
    }

    /// <summary>The script.</summary>
    public ScriptFile Script { get; }

    /// <summary>Whether it can run.</summary>
    public LoadOutcome Outcome { get; }

    /// <summary>Its declarations in source order; none unless <see cref="LoadOutcome.Declared"/>.</summary>
    public IReadOnlyList<ScenarioDeclaration> Scenarios { get; }

    /// <summary>What is wrong, in source order; at least one unless <see cref="LoadOutcome.Declared"/>.</summary>
    public IReadOnlyList<ScriptDiagnostic> Problems { get; }

    /// <summary>Lets the script's code be unloaded once nothing refers to it.</summary>
    public void Dispose() => _context?.Unload();

    internal static LoadedScript Declared(ScriptFile script, IReadOnlyList<ScenarioDeclaration> scenarios, AssemblyLoadContext context) =>
        new(script, LoadOutcome.Declared, scenarios, [], context);

    internal static LoadedScript Refused(ScriptFile script, params ScriptDiagnostic[] problems) => new(script, LoadOutcome.Refused, [], problems, null);

    internal static LoadedScript Thrown(ScriptFile script, ScriptDiagnostic problem) => new(script, LoadOutcome.Threw, [], [problem], null);
}
