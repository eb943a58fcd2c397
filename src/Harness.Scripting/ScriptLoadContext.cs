using System.Reflection;
using System.Runtime.Loader;

namespace Harness.Scripting;

/// <summary>Holds one script and the assemblies outside the application that it references, until it is unloaded.</summary>
internal sealed class ScriptLoadContext : AssemblyLoadContext
{
    private readonly ScriptReference[] _references;

    public ScriptLoadContext(string name, ScriptReference[] references)
        : base(name, isCollectible: true)
    {
        _references = references;
    }

    protected override Assembly? Load(AssemblyName assemblyName) =>
        Array.Find(_references, r => r.Name == assemblyName.Name) is { Path: { } path } ? LoadFromAssemblyPath(path) : null;
}
