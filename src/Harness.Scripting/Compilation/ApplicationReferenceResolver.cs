using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Harness.Scripting.Compilation;

/// <summary>Resolves references as <see cref="ScriptReference"/> does, and everything else as a plain C# script would.</summary>
internal sealed class ApplicationReferenceResolver(MetadataReferenceResolver plain) : MetadataReferenceResolver
{
    private readonly MetadataReferenceResolver _plain = plain;

    public override bool ResolveMissingAssemblies => true;

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties)
    {
        var resolved = ScriptReference.Resolve(reference, Path.GetDirectoryName(baseFilePath) ?? Environment.CurrentDirectory);
        return resolved.IsApplication
            ? [MetadataReference.CreateFromFile(resolved.Path!, properties)]
            : _plain.ResolveReference(reference, baseFilePath, properties);
    }

    public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity) =>
        ScriptReference.ApplicationFile(referenceIdentity.Name) is { } file
            ? MetadataReference.CreateFromFile(file)
            : _plain.ResolveMissingAssembly(definition, referenceIdentity);

    public override bool Equals(object? other) => other is ApplicationReferenceResolver resolver && resolver._plain.Equals(_plain);

    public override int GetHashCode() => 0;
}
