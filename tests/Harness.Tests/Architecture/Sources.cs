using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;

namespace Harness.Tests.Architecture;

/// <summary>The repository that the tests were built from: its folders, and its projects as the compiler sees them.</summary>
internal static class Sources
{
    private const string ImplicitUsings =
        """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static readonly Dictionary<string, CSharpCompilation> Compiled = new(StringComparer.Ordinal);

    /// <summary>The folder that holds Harness.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Names of the projects under src/, which are those of their folders, in ordinal order.</summary>
    public static ImmutableArray<string> Projects { get; } =
    [
        .. Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>C# files below a folder that is relative to the repository, without what builds leave, relative to the repository and in ordinal order.</summary>
    public static ImmutableArray<string> Files(string folder) =>
    [
        .. Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>A project under src/, compiled from its sources against the other projects' assemblies.</summary>
    public static CSharpCompilation Compile(string project)
    {
        if (!Compiled.TryGetValue(project, out CSharpCompilation? compilation))
        {
            Compiled.Add(project, compilation = Compile(project, Files($"src/{project}").Select(file => Parse(File.ReadAllText(Path.Combine(Root, file)), file))));
        }

        return compilation;
    }

    /// <summary>Files of no project, compiled as one of the harness's own.</summary>
    public static CSharpCompilation Compile(string assembly, IEnumerable<SyntaxTree> trees) => CSharpCompilation.Create(
        assembly,
        [.. trees, Parse(ImplicitUsings, "ImplicitUsings.cs")],
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileNameWithoutExtension(path) != AssemblyName(assembly))
            .Select(path => MetadataReference.CreateFromFile(path)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));

    public static SyntaxTree Parse(string text, string path) => CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview), path);

    /// <summary>The assembly of a project; see the projects for why two names differ from theirs.</summary>
    public static string AssemblyName(string project) => project switch
    {
        "Harness" => "Harness.Composition",
        "Harness.Cli" => "harness",
        _ => project,
    };

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Harness.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"Expected Harness.sln in a folder above {TestContext.CurrentContext.TestDirectory}.");
    }
}
