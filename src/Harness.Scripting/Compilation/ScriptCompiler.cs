using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Scripting;

namespace Harness.Scripting.Compilation;

/// <summary>
/// Compiles one script. This folder alone uses Roslyn, and only a script that is not in the cache leads here: loading Roslyn costs more than
/// running a scenario.
/// </summary>
internal static class ScriptCompiler
{
    /// <summary>The compiled script, or null with what is wrong with it.</summary>
    public static ScriptImage? Compile(string path, string text, out IReadOnlyList<ScriptDiagnostic> problems)
    {
        var options = ScriptOptions.Default
            .WithFilePath(path)
            .WithFileEncoding(Encoding.UTF8)
            .WithEmitDebugInformation(true)
            .WithOptimizationLevel(OptimizationLevel.Release)
            .WithSourceResolver(new SourceFileResolver(ImmutableArray<string>.Empty, Path.GetDirectoryName(path)))
            .WithMetadataResolver(new ApplicationReferenceResolver(ScriptOptions.Default.MetadataResolver));
        var compilation = CSharpScript.Create<object>(text, options).GetCompilation();

        problems = Place(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error));
        if (problems.Count == 0)
        {
            problems = ScriptRules.Check(compilation);
        }

        if (problems.Count > 0)
        {
            return null;
        }

        using var assembly = new MemoryStream();
        using var symbols = new MemoryStream();
        var emitted = compilation.Emit(assembly, symbols, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb));
        problems = Place(emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error));
        if (!emitted.Success && problems.Count == 0)
        {
            // Roslyn has no code to emit for a script without statements, and calls that no error.
            problems = [new ScriptDiagnostic(path, 1, 1, ScriptDiagnostic.Declaration, "the script is empty: declare a Scenario(...)")];
        }

        return emitted.Success ? new ScriptImage(assembly.ToArray(), symbols.ToArray()) : null;

        IReadOnlyList<ScriptDiagnostic> Place(IEnumerable<Diagnostic> diagnostics) =>
            diagnostics.Select(d => At(d.Location, path, d.Id, d.GetMessage(System.Globalization.CultureInfo.InvariantCulture))).Distinct().ToList();
    }

    /// <summary>A diagnostic at a place in a script, or at the start of <paramref name="script"/> when it has none.</summary>
    public static ScriptDiagnostic At(Location location, string script, string code, string message)
    {
        var span = location.GetMappedLineSpan();
        return span.IsValid
            ? new ScriptDiagnostic(span.Path, span.StartLinePosition.Line + 1, span.StartLinePosition.Character + 1, code, message)
            : new ScriptDiagnostic(script, 1, 1, code, message);
    }
}
