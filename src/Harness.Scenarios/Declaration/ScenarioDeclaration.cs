using Harness.Records;

namespace Harness.Scenarios;

/// <summary>A scenario as a script declared it; nothing of it has run.</summary>
/// <param name="Id"><c>topic/file</c>, then <c>.name</c>, then <c>_parameter=value</c> for each parameter.</param>
/// <param name="Title">Free text.</param>
/// <param name="Covers">Coverage ids, each known to <see cref="CoverageCatalog"/>, in the order given.</param>
/// <param name="File">Full path of the file with the declaration.</param>
/// <param name="Line">Line of the declaration, from 1.</param>
/// <param name="Parameters">In the order declared.</param>
/// <param name="Body">Runs the scenario. Throws when a check fails.</param>
public sealed record ScenarioDeclaration(string Id, string Title, IReadOnlyList<string> Covers, string File, int Line,
    IReadOnlyList<RunParameter> Parameters, Action<ScenarioContext> Body);

/// <summary>Something wrong with a declaration, placed where its author can mend it.</summary>
/// <param name="File">Full path.</param>
/// <param name="Line">From 1.</param>
/// <param name="Message">What was expected, what was found, what to do.</param>
public readonly record struct DeclarationProblem(string File, int Line, string Message);
