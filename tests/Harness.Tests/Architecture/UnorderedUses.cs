using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Harness.Tests.Architecture;

/// <summary>Finds where code goes through a hash table or a directory without saying in which order, and without a result that no order changes.</summary>
internal static class UnorderedUses
{
    private static readonly string[] Unordered =
    [
        "System.Collections.Generic.Dictionary`2", "System.Collections.Generic.Dictionary`2.KeyCollection",
        "System.Collections.Generic.Dictionary`2.ValueCollection", "System.Collections.Generic.IDictionary`2",
        "System.Collections.Generic.IReadOnlyDictionary`2", "System.Collections.Generic.HashSet`1", "System.Collections.Generic.ISet`1",
        "System.Collections.Generic.IReadOnlySet`1", "System.Collections.Hashtable", "System.Collections.Concurrent.ConcurrentDictionary`2",
        "System.Collections.Concurrent.ConcurrentBag`1", "System.Collections.Frozen.FrozenDictionary`2", "System.Collections.Frozen.FrozenSet`1",
        "System.Collections.Immutable.ImmutableDictionary`2", "System.Collections.Immutable.ImmutableHashSet`1",
    ];

    /// <summary>Methods of Enumerable, and of sets, whose result is the same in every order of their source.</summary>
    private static readonly string[] OrderFree =
    [
        "All", "Any", "Average", "Contains", "Count", "ExceptWith", "IntersectWith", "IsProperSubsetOf", "IsProperSupersetOf", "IsSubsetOf", "IsSupersetOf",
        "LongCount", "Max", "Min", "Order", "OrderBy", "OrderByDescending", "OrderDescending", "Overlaps", "SetEquals", "Sum", "SymmetricExceptWith",
        "ToDictionary", "ToFrozenDictionary", "ToFrozenSet", "ToHashSet", "ToImmutableSortedDictionary", "ToImmutableSortedSet", "TryGetNonEnumeratedCount",
        "UnionWith",
    ];

    /// <summary>Methods that hand the question on to whoever takes their result.</summary>
    private static readonly string[] Passing = ["AsEnumerable", "Cast", "Concat", "Distinct", "Except", "Intersect", "OfType", "Select", "SelectMany", "Union", "Where"];

    /// <summary>One line for each: file(line): expression.</summary>
    public static IReadOnlyList<string> Of(CSharpCompilation compilation)
    {
        var found = new List<string>();
        foreach (SyntaxTree tree in compilation.SyntaxTrees)
        {
            SemanticModel model = compilation.GetSemanticModel(tree);
            foreach (SyntaxNode node in tree.GetRoot().DescendantNodesAndSelf().Where(IsBody))
            {
                if (model.GetOperation(node) is { Parent: null } body)
                {
                    found.AddRange(body.DescendantsAndSelf().Where(Violates).Select(operation => Describe(operation.Syntax)));
                }
            }
        }

        return found;
    }

    private static bool IsBody(SyntaxNode node) =>
        node is CompilationUnitSyntax or BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or EqualsValueClauseSyntax or ArrowExpressionClauseSyntax;

    private static string Describe(SyntaxNode node) =>
        $"{node.SyntaxTree.FilePath}({node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}): {node.ToString().ReplaceLineEndings(" ")}";

    private static bool Violates(IOperation operation) => operation switch
    {
        IConversionOperation { Parent: not IForEachLoopOperation } conversion => IsUnordered(conversion.Operand.Type)
            && IsSequence(conversion.Type) && !IsUnordered(conversion.Type) && !EndsOrderFree(conversion),
        IForEachLoopOperation loop => IsUnordered(Unwrap(loop.Collection).Type),
        ISpreadOperation spread => IsUnordered(Unwrap(spread.Operand).Type),
        IInvocationOperation { TargetMethod: { Name: "GetEnumerator" or "CopyTo" } } call => IsUnordered(call.Instance?.Type),
        IInvocationOperation { TargetMethod: { IsStatic: true, ContainingType.Name: "Directory" } method } call =>
            method.ContainingNamespace.ToDisplayString() == "System.IO" && IsSequence(method.ReturnType) && !EndsOrderFree(call),
        _ => false,
    };

    private static IOperation Unwrap(IOperation operation) => operation is IConversionOperation { IsImplicit: true } conversion ? Unwrap(conversion.Operand) : operation;

    /// <summary>Whether whatever takes the sequence gives the same in every order.</summary>
    private static bool EndsOrderFree(IOperation sequence)
    {
        IOperation? taker = sequence.Parent;
        while (taker is IConversionOperation)
        {
            taker = taker.Parent;
        }

        return taker is IArgumentOperation argument && argument.Parent switch
        {
            IInvocationOperation call when OrderFree.Contains(call.TargetMethod.Name) => true,
            IInvocationOperation call when Passing.Contains(call.TargetMethod.Name) => EndsOrderFree(call),
            IObjectCreationOperation creation => IsUnordered(creation.Type) || IsSorted(creation.Type),
            _ => false,
        };
    }

    /// <summary>A type that could not be found counts too, so that nothing passes unseen.</summary>
    private static bool IsUnordered(ITypeSymbol? type) =>
        type is INamedTypeSymbol && (type.TypeKind == TypeKind.Error || Unordered.Contains(MetadataName(type)));

    private static bool IsSorted(ITypeSymbol? type) => type is INamedTypeSymbol && type.Name.StartsWith("Sorted", StringComparison.Ordinal);

    private static bool IsSequence(ITypeSymbol? type) =>
        type is IArrayTypeSymbol || (type is { TypeKind: TypeKind.Interface } && type.AllInterfaces.Add((INamedTypeSymbol)type).Any(i => i.Name == "IEnumerable"));

    private static string MetadataName(ITypeSymbol type) =>
        type.ContainingType is { } outer ? $"{MetadataName(outer)}.{type.MetadataName}" : $"{type.ContainingNamespace.ToDisplayString()}.{type.MetadataName}";
}
