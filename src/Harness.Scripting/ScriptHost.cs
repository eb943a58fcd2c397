using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Harness.Scenarios;
using Harness.Scripting.Compilation;

namespace Harness.Scripting;

/// <summary>
/// Turns scripts into scenario declarations: from the cache without touching the compiler when nothing changed, else compiled and cached. Whatever a
/// script does wrong is a <see cref="ScriptDiagnostic"/>, never an exception. Scripts may be loaded concurrently.
/// </summary>
/// <param name="cache">Where compiled scripts are kept.</param>
public sealed class ScriptHost(ScriptCache cache)
{
    /// <summary>Loads one script and runs its top level, which declares its scenarios.</summary>
    public LoadedScript Load(ScriptFile script)
    {
        ScriptSources sources;
        try
        {
            sources = ScriptSources.Read(script.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return LoadedScript.Refused(script, new ScriptDiagnostic(script.Path, 1, 1, ScriptDiagnostic.Unreadable, $"the script cannot be read ({e.GetType().Name})"));
        }

        var key = Key(sources);
        var image = cache.Find(script.Path, key);
        if (image is null)
        {
            image = Compile(sources, out var problems);
            if (image is null)
            {
                return LoadedScript.Refused(script, [.. problems]);
            }

            cache.Store(script.Path, key, image);
        }

        return Declare(script, image, sources.References.Where(r => !r.IsApplication && r.Path is not null));
    }

    // Not inlined: the runtime loads Roslyn when it compiles the first method that mentions it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ScriptImage? Compile(ScriptSources sources, out IReadOnlyList<ScriptDiagnostic> problems) =>
        ScriptCompiler.Compile(sources.Path, sources.Text, out problems);

    // This assembly's module id stands for the compiler's options and the rules for scripts, which are in it.
    private static byte[] Key(ScriptSources sources)
    {
        var own = typeof(ScriptHost).Assembly;
        var key = new StringBuilder("runtime ").Append(Environment.Version).Append("\nhost ").Append(own.ManifestModule.ModuleVersionId).Append('\n');
        foreach (var compiler in own.GetReferencedAssemblies().Where(a => a.Name!.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal)))
        {
            key.Append("compiler ").Append(compiler.FullName).Append('\n');
        }

        sources.AppendKey(key);
        return Encoding.UTF8.GetBytes(key.ToString());
    }

    private static LoadedScript Declare(ScriptFile script, ScriptImage image, IEnumerable<ScriptReference> references)
    {
        var context = new ScriptLoadContext(script.Id, references);
        try
        {
            var assembly = context.LoadFromStream(new MemoryStream(image.Assembly), new MemoryStream(image.Symbols));
            var submission = EntryPoint(assembly);
            var declared = ScenarioCollector.Collect(script.Id, () => submission([null, null]).GetAwaiter().GetResult());
            var problems = declared.Problems.Select(p => new ScriptDiagnostic(p.File, p.Line, 1, ScriptDiagnostic.Declaration, p.Message)).ToArray();
            return problems.Length > 0 ? LoadedScript.Refused(script, problems) : LoadedScript.Declared(script, declared.Scenarios, context);
        }
        catch (Exception e)
        {
            // Any exception: the script's own top level threw it.
            var place = ScriptTrace.Locate(e, Path.GetDirectoryName(script.Path)!) ?? (script.Path, 1);
            context.Unload();
            return LoadedScript.Thrown(script, new ScriptDiagnostic(place.File, place.Line, 1, ScriptDiagnostic.Threw, ScriptTrace.Describe(e)));
        }
    }

    // Roslyn gives a submission a static method <Factory>, which takes the globals and the earlier submissions, and runs it.
    private static Func<object?[], Task<object>> EntryPoint(Assembly assembly) => assembly.GetTypes()
        .Select(t => t.GetMethod("<Factory>", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .First(m => m is not null)!.CreateDelegate<Func<object?[], Task<object>>>();
}
