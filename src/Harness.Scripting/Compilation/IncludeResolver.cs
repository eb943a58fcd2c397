using System.Collections.Immutable;
using Harness.Records;
using Microsoft.CodeAnalysis;

namespace Harness.Scripting.Compilation;

/// <summary>Finds what a script loads as a plain C# script would, but reads regular files alone.</summary>
internal sealed class IncludeResolver(string? folder) : SourceFileResolver(ImmutableArray<string>.Empty, folder)
{
    /// <inheritdoc/>
    public override Stream OpenRead(string resolvedPath)
    {
        RegularFile.Expect(resolvedPath);
        return base.OpenRead(resolvedPath);
    }
}
