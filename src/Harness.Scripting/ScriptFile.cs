namespace Harness.Scripting;

/// <summary>A script to load.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Id"><c>topic/file</c>: the path below <paramref name="Root"/> without extension, with forward slashes.</param>
/// <param name="Root">Full path of the folder that ids count from.</param>
public sealed record ScriptFile(string Path, string Id, string Root)
{
    /// <summary>Ids of the scenarios that are meant; null: all that it declares.</summary>
    public IReadOnlyList<string>? Scenarios { get; init; }

    /// <summary>Whether a scenario of the script is meant.</summary>
    public bool Means(string scenario) => Scenarios?.Contains(scenario) ?? true;

    /// <summary>The same script, for all that either means.</summary>
    public ScriptFile With(ScriptFile other) => this with { Scenarios = Scenarios is null || other.Scenarios is null ? null : [.. Scenarios.Union(other.Scenarios)] };
}
