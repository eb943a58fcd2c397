using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Text;

namespace Harness.Scripting.Compilation;

/// <summary>
/// Compiles one script. This folder alone uses Roslyn, and only a script that is not in the cache leads here: loading Roslyn costs more than
/// running a scenario.
/// </summary>
internal static class ScriptCompiler
{
    private static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);

    /// <summary>The compiled script, or null with what is wrong with it.</summary>
    public static ScriptImage? Compile(string path, string text, out IReadOnlyList<ScriptDiagnostic> problems)
    {
        // Not by CSharpScript, which reads the metadata of the runtime anew for each script: that takes as long as all the rest.
        var options = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary,
            optimizationLevel: OptimizationLevel.Release,
            allowUnsafe: true,
            sourceReferenceResolver: new IncludeResolver(Path.GetDirectoryName(path)),
            metadataReferenceResolver: new ApplicationReferenceResolver(ScriptOptions.Default.MetadataResolver),
            concurrentBuild: false);
        var tree = CSharpSyntaxTree.ParseText(SourceText.From(text, Encoding.UTF8), ParseOptions, path);
        var compilation = CSharpCompilation.CreateScriptCompilation(
            Path.GetFileNameWithoutExtension(path), tree, [ApplicationReferenceResolver.Shared(typeof(object).Assembly.Location)], options, returnType: typeof(object));

        if (LoadRing.Find(compilation, path) is { } ring)
        {
            problems = [ring];
            return null;
        }

        using var assembly = new MemoryStream();
        using var symbols = new MemoryStream();
        var emitted = compilation.Emit(assembly, symbols, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb));
        if (emitted.Success)
        {
            byte[] compiled = assembly.ToArray();
            problems = ScriptRules.MayBeBroken(compiled) ? ScriptRules.Check(compilation) : [];
            return problems.Count == 0 ? new ScriptImage(compiled, symbols.ToArray()) : null;
        }

        // Asked for only now, since they bind all bodies again: Emit gives no errors of bodies where a declaration has one.
        problems = Place(compilation.GetDiagnostics().Concat(emitted.Diagnostics).Where(d => d.Severity == DiagnosticSeverity.Error));
        if (problems.Count == 0)
        {
            // Roslyn has no code to emit for a script without statements, and calls that no error.
            problems = [new ScriptDiagnostic(path, 1, 1, ScriptDiagnostic.Declaration, "the script is empty: declare a Scenario(...)")];
        }

        return null;

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
