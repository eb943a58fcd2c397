using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Isa;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NUnit.Framework;

namespace Harness.Tests.Architecture;

/// <summary>What code may know of other code, beyond the edges between projects.</summary>
public sealed class AssemblyTests
{
    /// <summary>What holds or reaches the state of the real processor. An engine has the host interface, the emulator and the trap frame.</summary>
    private static readonly string[] ProcessorState =
    [
        "Harness.Machine.Processor", "Harness.Machine.Cpu", "Harness.Machine.CpuState", "Harness.Machine.MachinePort", "Harness.Machine.Computer", "Harness.Vmm.Host",
    ];

    [Test]
    public void The_types_that_engines_may_not_see_exist()
    {
        Assembly[] assemblies = [typeof(Harness.Machine.ProcessorModel).Assembly, typeof(Harness.Vmm.IEngine).Assembly];
        ProcessorState.Where(name => assemblies.All(assembly => assembly.GetType(name) is null)).Should().BeEmpty("a renamed type must be renamed here");
    }

    [Test]
    public void Engines_do_not_see_the_processor()
    {
        using var file = new PEReader(File.OpenRead(typeof(BareEngine).Assembly.Location));
        MetadataReader metadata = file.GetMetadataReader();
        metadata.TypeReferences.Select(metadata.GetTypeReference)
            .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")
            .Intersect(ProcessorState).Should().BeEmpty("a monitor sees what hardware shows a monitor");
    }

    [Test]
    public void Engines_do_not_see_each_other()
    {
        CSharpCompilation engines = Sources.Compile("Harness.Engines");
        var violations = new List<string>();
        foreach (SyntaxTree tree in engines.SyntaxTrees.Where(tree => tree.FilePath.Split('/').Length > 3))
        {
            SemanticModel model = engines.GetSemanticModel(tree);
            string engine = tree.FilePath.Split('/')[2];
            foreach (SimpleNameSyntax name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>())
            {
                ISymbol? symbol = model.GetSymbolInfo(name).Symbol;
                string space = (symbol as INamespaceSymbol ?? symbol?.ContainingNamespace)?.ToDisplayString() ?? "";
                if (space.StartsWith("Harness.Engines.", StringComparison.Ordinal) && space.Split('.')[2] != engine)
                {
                    violations.Add($"{tree.FilePath}({Line(name)}): {symbol}");
                }
            }
        }

        violations.Should().BeEmpty("what two engines share lies in the folder above them");
    }

    [Test]
    public void Only_the_composition_names_engines()
    {
        string[] users =
        [
            .. Sources.Files("src").Where(file => !file.StartsWith("src/Harness.Engines/", StringComparison.Ordinal))
                .Where(file => Parse(file).DescendantNodes().OfType<QualifiedNameSyntax>()
                    .Any(name => name.ToString().StartsWith("Harness.Engines", StringComparison.Ordinal))),
        ];
        users.Should().Equal("src/Harness/EngineRegistry.cs");
    }

    [Test]
    public void Instructions_own_no_state()
    {
        typeof(IPort).Assembly.GetTypes().Where(type => !type.IsDefined(typeof(CompilerGeneratedAttribute)))
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(field => !field.IsLiteral && !field.IsDefined(typeof(CompilerGeneratedAttribute)))
            .Where(field => !field.IsInitOnly || (field.FieldType is { IsValueType: false, IsArray: false } && field.FieldType != typeof(string)))
            .Select(field => $"{field.DeclaringType}.{field.Name}").Should().BeEmpty("the instruction set is shared by every machine");
    }

    [Test]
    public void The_assertion_library_stays_in_its_folder()
    {
        string[] users = [.. Sources.Files("src").Where(file => Names(file).Any(name => name == nameof(FluentAssertions)))];
        users.Should().NotBeEmpty().And.OnlyContain(file => file.StartsWith("src/Harness.Scenarios/Assertions/", StringComparison.Ordinal));
    }

    [Test]
    public void Files_fit_in_a_reader_s_head()
    {
        Sources.Files("src").Concat(Sources.Files("tests")).Select(file => (File: file, Lines: File.ReadLines(Path.Combine(Sources.Root, file)).Count()))
            .Where(file => file.Lines > 500).Should().BeEmpty();
    }

    private static IEnumerable<string> Names(string file) => Parse(file).DescendantNodes().OfType<SimpleNameSyntax>().Select(name => name.Identifier.Text);

    private static SyntaxNode Parse(string file) => Sources.Parse(File.ReadAllText(Path.Combine(Sources.Root, file)), file).GetRoot();

    private static int Line(SyntaxNode node) => node.GetLocation().GetLineSpan().StartLinePosition.Line + 1;
}
