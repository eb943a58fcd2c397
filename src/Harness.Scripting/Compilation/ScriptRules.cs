using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Harness.Scripting.Compilation;

/// <summary>
/// The rules that keep a scenario's result the same everywhere: the banned symbols of the harness's own build (<c>BannedSymbols.txt</c>: documentation
/// id, semicolon, reason), all overloads alike, and no enumeration of collections whose order is not defined.
/// </summary>
internal static class ScriptRules
{
    private static readonly string[] UnorderedTypes =
    [
        "T:System.Collections.Generic.Dictionary`2", "T:System.Collections.Generic.Dictionary`2.KeyCollection",
        "T:System.Collections.Generic.Dictionary`2.ValueCollection", "T:System.Collections.Generic.HashSet`1", "T:System.Collections.Hashtable",
        "T:System.Collections.Concurrent.ConcurrentDictionary`2", "T:System.Collections.Concurrent.ConcurrentBag`1",
        "T:System.Collections.Immutable.ImmutableDictionary`2", "T:System.Collections.Immutable.ImmutableHashSet`1",
    ];

    // These give the same result in whatever order they see the elements.
    private static readonly string[] OrderFree = ["All", "Any", "Contains", "Count", "LongCount", "Max", "Min", "Order", "OrderBy", "OrderByDescending",
        "OrderDescending", "Sum", "ToDictionary", "ToHashSet"];

    private static readonly Lazy<Dictionary<string, string>> BannedSymbols = new(ReadBannedSymbols);

    private static readonly Lazy<(HashSet<string> Types, HashSet<string> Members)> Suspects = new(ReadSuspects);

    /// <summary>
    /// False: nothing that a rule speaks of is in the compiled script, since each type that a value has there and each member that is called has its row in the
    /// metadata (ECMA-335, II.22.25 and II.22.38). To look there is much cheaper than <see cref="Check"/>, which binds the whole script again.
    /// </summary>
    public static bool MayBeBroken(byte[] assembly)
    {
        using var image = new PEReader(new MemoryStream(assembly));
        MetadataReader reader = image.GetMetadataReader();
        foreach (TypeReferenceHandle handle in reader.TypeReferences)
        {
            TypeReference type = reader.GetTypeReference(handle);
            if (Suspects.Value.Types.Contains(FullName(reader, type)))
            {
                return true;
            }
        }

        foreach (MemberReferenceHandle handle in reader.MemberReferences)
        {
            MemberReference member = reader.GetMemberReference(handle);
            string name = reader.GetString(member.Name);
            bool suspect = member.Parent.Kind == HandleKind.TypeReference
                && Suspects.Value.Members.Contains(FullName(reader, reader.GetTypeReference((TypeReferenceHandle)member.Parent)) + "." + name);
            if (suspect || (name == nameof(GetHashCode) && !IsAnonymousTypesOwn(reader, member)))
            {
                return true;
            }
        }

        return false;
    }

    private static string FullName(MetadataReader reader, TypeReference type) => reader.GetString(type.Namespace) + "." + reader.GetString(type.Name);

    // The hash codes of anonymous types and records come from those of their parts, by EqualityComparer<T>, whether anyone asks for them or not.
    private static bool IsAnonymousTypesOwn(MetadataReader reader, MemberReference member)
    {
        if (member.Parent.Kind != HandleKind.TypeSpecification)
        {
            return false;
        }

        BlobReader signature = reader.GetBlobReader(reader.GetTypeSpecification((TypeSpecificationHandle)member.Parent).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
        {
            return false;
        }

        _ = signature.ReadCompressedInteger();
        EntityHandle generic = signature.ReadTypeHandle();
        return generic.Kind == HandleKind.TypeReference
            && FullName(reader, reader.GetTypeReference((TypeReferenceHandle)generic)) == "System.Collections.Generic.EqualityComparer`1";
    }

    // Members with the type that declares them, which a call names unless something overrides it, as every type may do with GetHashCode. A nested type has a row for the outer one too.
    private static (HashSet<string> Types, HashSet<string> Members) ReadSuspects()
    {
        var types = new HashSet<string>(UnorderedTypes.Select(id => id[2..]));
        var members = new HashSet<string>();
        foreach (string id in BannedSymbols.Value.Keys.Order(StringComparer.Ordinal))
        {
            int dot = id.LastIndexOf('.') + 1;
            switch (id[0])
            {
                case 'T':
                    types.Add(id[2..]);
                    break;
                case 'P':
                    members.Add($"{id[2..dot]}get_{id[dot..]}");
                    members.Add($"{id[2..dot]}set_{id[dot..]}");
                    break;
                default:
                    members.Add(id[2..]);
                    break;
            }
        }

        return (types, members);
    }

    /// <summary>Every breach, in source order.</summary>
    public static IReadOnlyList<ScriptDiagnostic> Check(Microsoft.CodeAnalysis.Compilation compilation)
    {
        var problems = new List<ScriptDiagnostic>();
        foreach (var tree in compilation.SyntaxTrees)
        {
            var model = compilation.GetSemanticModel(tree);
            foreach (var node in tree.GetRoot().DescendantNodes())
            {
                CheckNode(model, node, problems);
            }
        }

        return problems;
    }

    private static void CheckNode(SemanticModel model, SyntaxNode node, List<ScriptDiagnostic> problems)
    {
        if (node is SimpleNameSyntax or BaseObjectCreationExpressionSyntax && BannedBy(model.GetSymbolInfo(node).Symbol) is var (symbol, reason))
        {
            Report(node, ScriptDiagnostic.Banned, $"'{symbol}' is banned in scripts: {reason}");
        }
        else if (node is CommonForEachStatementSyntax loop && IsUnordered(model.GetTypeInfo(loop.Expression).Type))
        {
            Report(loop.Expression, ScriptDiagnostic.Unordered, Unordered(model.GetTypeInfo(loop.Expression).Type!));
        }
        else if (node is ExpressionSyntax expression && model.GetTypeInfo(expression) is { Type: { } type, ConvertedType: { } converted }
            && IsUnordered(type) && (IsSequence(converted) || IsExtensionReceiver(model, expression)) && !IsOrderFree(expression))
        {
            Report(expression, ScriptDiagnostic.Unordered, Unordered(type));
        }

        void Report(SyntaxNode where, string code, string message) =>
            problems.Add(ScriptCompiler.At(where.GetLocation(), where.SyntaxTree.FilePath, code, message));
    }

    private static string Unordered(ITypeSymbol type) =>
        $"'{type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)}' has no defined order: sort it first, or use a List or SortedDictionary";

    private static bool IsUnordered(ITypeSymbol? type) =>
        type?.OriginalDefinition.GetDocumentationCommentId() is { } id && UnorderedTypes.AsSpan().Contains(id);

    private static bool IsSequence(ITypeSymbol type) =>
        type.OriginalDefinition.SpecialType is SpecialType.System_Collections_IEnumerable or SpecialType.System_Collections_Generic_IEnumerable_T;

    // The receiver of a call through System.Linq keeps its own type in the model; the conversion belongs to the call.
    private static bool IsExtensionReceiver(SemanticModel model, ExpressionSyntax expression) =>
        expression.Parent is MemberAccessExpressionSyntax access && access.Expression == expression
        && model.GetSymbolInfo(access).Symbol is IMethodSymbol { ReducedFrom: { } method } && IsSequence(method.Parameters[0].Type);

    private static bool IsOrderFree(ExpressionSyntax expression) =>
        expression.Parent is MemberAccessExpressionSyntax access && access.Expression == expression && OrderFree.AsSpan().Contains(access.Name.Identifier.Text);

    private static (string Symbol, string Reason)? BannedBy(ISymbol? symbol)
    {
        for (var current = symbol; current is not null; current = (current as IMethodSymbol)?.OverriddenMethod)
        {
            for (var part = current; part is not null and not INamespaceSymbol; part = part.ContainingType)
            {
                if (part.OriginalDefinition.GetDocumentationCommentId() is { } id && BannedSymbols.Value.TryGetValue(WithoutOverload(id), out var reason))
                {
                    return (symbol!.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat), reason);
                }
            }
        }

        return null;
    }

    private static Dictionary<string, string> ReadBannedSymbols()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("BannedSymbols.txt")!;
        using var reader = new StreamReader(stream);
        var symbols = new Dictionary<string, string>();
        while (reader.ReadLine() is { } line)
        {
            var semicolon = line.IndexOf(';', StringComparison.Ordinal);
            symbols[WithoutOverload(line[..semicolon])] = line[(semicolon + 1)..];
        }

        return symbols;
    }

    // M:N.T.Method``1(N.A,N.B) becomes M:N.T.Method.
    private static string WithoutOverload(string id)
    {
        var end = id.AsSpan().IndexOf("``");
        end = end < 0 ? id.IndexOf('(', StringComparison.Ordinal) : end;
        return end < 0 ? id : id[..end];
    }
}
