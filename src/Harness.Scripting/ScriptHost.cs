using System.Runtime.CompilerServices;
using System.Text;
using Harness.Records;
using Harness.Scripting.Compilation;

namespace Harness.Scripting;

/// <summary>
/// Makes scripts ready to declare their scenarios: from the cache without touching the compiler when nothing changed, else compiled and cached. Whatever
/// a script does wrong is a <see cref="ScriptDiagnostic"/>, never an exception. Scripts may be prepared and run concurrently.
/// </summary>
/// <param name="cache">Where compiled scripts are kept.</param>
public sealed class ScriptHost(ScriptCache cache)
{
    /// <summary>Makes a script ready to run, without running any of it.</summary>
    public PreparedScript Prepare(ScriptFile script)
    {
        if (Array.Find(script.Id.Split('/'), part => SnapshotStore.Clean(part) != part) is { } odd)
        {
            return new PreparedScript(script, [script.Path], new ScriptDiagnostic(
                script.Path, 1, 1, ScriptDiagnostic.Declaration, $"the name '{odd}' becomes part of an id and of the snapshot's file name: leave out control characters and \" \\ < > | : * ? #"));
        }

        ScriptSources sources;
        try
        {
            sources = ScriptSources.Read(script.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new PreparedScript(script, [script.Path], new ScriptDiagnostic(script.Path, 1, 1, ScriptDiagnostic.Unreadable, $"the script cannot be read: {RegularFile.Trouble(script.Path, e)}"));
        }

        var key = Key(sources);
        var image = cache.Find(script.Path, key);
        if (image is null)
        {
            if (sources.TooDeep is { } deep)
            {
                return new PreparedScript(script, sources.Files, deep);
            }

            image = Compile(sources, out var problems);
            if (image is null)
            {
                return new PreparedScript(script, sources.Files, [.. problems]);
            }

            cache.Store(script.Path, key, image);
        }

        return new PreparedScript(script, sources.Files, image, sources.References.Where(r => !r.IsApplication && r.Path is not null));
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
}
