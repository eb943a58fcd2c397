using System.Reflection;
using System.Runtime.Loader;
using System.Text;

namespace Harness.Scripting;

/// <summary>
/// What an <c>#r</c> directive means to the host. An assembly that the application itself consists of is taken from the application, whatever path
/// the directive gives: that path is for editors, which do not know the host.
/// </summary>
/// <param name="Name">Simple name.</param>
/// <param name="Path">Full path; null when the runtime's own resolution has to find it.</param>
/// <param name="IsApplication">It is one of the application's own.</param>
internal readonly record struct ScriptReference(string Name, string? Path, bool IsApplication)
{
    /// <summary>Resolves the operand of a directive.</summary>
    public static ScriptReference Resolve(string directive, string baseFolder)
    {
        var isFile = directive.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var name = isFile ? System.IO.Path.GetFileNameWithoutExtension(directive.Replace('\\', '/')) : directive;
        if (ApplicationFile(name) is { } file)
        {
            return new ScriptReference(name, file, true);
        }

        return new ScriptReference(name, isFile ? System.IO.Path.GetFullPath(directive, baseFolder) : null, false);
    }

    /// <summary>Full path of the application's assembly of this simple name, or null.</summary>
    public static string? ApplicationFile(string name)
    {
        var path = System.IO.Path.Combine(AppContext.BaseDirectory, name + ".dll");
        return File.Exists(path) ? path : null;
    }

    /// <summary>
    /// Appends what identifies the referenced code: module ids of the harness's own assemblies, which a run needs anyway; size and time of other files,
    /// which are not loaded only to be identified.
    /// </summary>
    public void AppendKey(StringBuilder key)
    {
        if (IsApplication && IsHarness(Name))
        {
            AppendModules(key, AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(Name)), []);
        }
        else if (Path is not null && new FileInfo(Path) is { Exists: true } file)
        {
            key.Append("file ").Append(Path).Append(' ').Append(file.Length).Append(' ').Append(file.LastWriteTimeUtc.Ticks).Append('\n');
        }
        else
        {
            key.Append("name ").Append(Name).Append('\n');
        }
    }

    // An unchanged assembly may show types of a changed one, so what it references counts as well.
    private static void AppendModules(StringBuilder key, Assembly assembly, List<string> seen)
    {
        var name = assembly.GetName().Name!;
        if (seen.Contains(name))
        {
            return;
        }

        seen.Add(name);
        key.Append("module ").Append(name).Append(' ').Append(assembly.ManifestModule.ModuleVersionId).Append('\n');
        foreach (var reference in assembly.GetReferencedAssemblies())
        {
            if (IsHarness(reference.Name!))
            {
                AppendModules(key, AssemblyLoadContext.Default.LoadFromAssemblyName(reference), seen);
            }
        }
    }

    private static bool IsHarness(string name) => name.StartsWith("Harness.", StringComparison.Ordinal);
}
