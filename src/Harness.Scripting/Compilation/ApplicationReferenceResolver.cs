using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Harness.Scripting.Compilation;

/// <summary>
/// Resolves references as <see cref="ScriptReference"/> does, and everything else as a plain C# script would. What belongs to the application or to the runtime
/// is read once for all scripts: they cannot change while this process runs.
/// </summary>
internal sealed class ApplicationReferenceResolver(MetadataReferenceResolver plain) : MetadataReferenceResolver
{
    private static readonly ConcurrentDictionary<string, PortableExecutableReference> Known = new(StringComparer.Ordinal);
    private static readonly string RuntimeFolder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
    private readonly MetadataReferenceResolver _plain = plain;

    public override bool ResolveMissingAssemblies => true;

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties)
    {
        var resolved = ScriptReference.Resolve(reference, Path.GetDirectoryName(baseFilePath) ?? Environment.CurrentDirectory);
        return resolved.IsApplication
            ? [Shared(resolved.Path!)]
            : _plain.ResolveReference(reference, baseFilePath, properties);
    }

    public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity) =>
        (ScriptReference.ApplicationFile(referenceIdentity.Name) ?? RuntimeFile(referenceIdentity.Name)) is { } file
            ? Shared(file)
            : _plain.ResolveMissingAssembly(definition, referenceIdentity);

    /// <summary>The one reference to a file of the application or of the runtime.</summary>
    public static PortableExecutableReference Shared(string file) => Known.GetOrAdd(file, static path => MetadataReference.CreateFromFile(path));

    // Not by the plain resolver, which reads the whole file before it gives the reference to it.
    private static string? RuntimeFile(string name)
    {
        var path = Path.Combine(RuntimeFolder, name + ".dll");
        return File.Exists(path) ? path : null;
    }

    public override bool Equals(object? other) => other is ApplicationReferenceResolver resolver && resolver._plain.Equals(_plain);

    public override int GetHashCode() => 0;
}
