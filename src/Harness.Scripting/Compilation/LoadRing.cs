using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Harness.Scripting.Compilation;

/// <summary>
/// Scripts that load each other in a ring. The compiler calls that no error: it leaves out statements or has them twice, by where the ring is entered.
/// </summary>
internal static class LoadRing
{
    /// <summary>The first ring that the script leads into, at the directive that closes it; null without one.</summary>
    public static ScriptDiagnostic? Find(CSharpCompilation compilation, string script)
    {
        var loads = new Dictionary<string, List<(string Target, Location Place)>>(StringComparer.Ordinal);
        foreach (var tree in compilation.SyntaxTrees)
        {
            loads.TryAdd(tree.FilePath, [.. ((CompilationUnitSyntax)tree.GetRoot()).GetLoadDirectives()
                .Where(d => d.File.ValueText.Length > 0)
                .Select(d => (Path.GetFullPath(d.File.ValueText, Path.GetDirectoryName(tree.FilePath)!), d.GetLocation()))]);
        }

        List<string> way = [script];
        var done = new HashSet<string>(StringComparer.Ordinal);
        return Follow(script);

        ScriptDiagnostic? Follow(string file)
        {
            foreach (var (target, place) in loads.GetValueOrDefault(file) ?? [])
            {
                if (way.IndexOf(target) is >= 0 and var start)
                {
                    var ring = way.Skip(start).Append(target).Select(Path.GetFileName);
                    return ScriptCompiler.At(place, script, ScriptDiagnostic.Declaration, $"scripts load each other in a ring: {string.Join(" loads ", ring)}");
                }

                if (done.Contains(target))
                {
                    continue;
                }

                way.Add(target);
                if (Follow(target) is { } found)
                {
                    return found;
                }

                way.RemoveAt(way.Count - 1);
                done.Add(target);
            }

            return null;
        }
    }
}
