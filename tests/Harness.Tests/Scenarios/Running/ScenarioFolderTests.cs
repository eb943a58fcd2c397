using FluentAssertions;
using Harness.Tests.Architecture;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using NUnit.Framework;

namespace Harness.Tests.Scenarios.Running;

/// <summary>The repository's scenarios as editors see them.</summary>
[TestFixture]
internal sealed class ScenarioFolderTests
{
    private const string Prelude = "prelude.csx";

    private static string Folder => Path.Combine(Sources.Root, "scenarios");

    private static IEnumerable<string> Scripts() => Directory.EnumerateFiles(Folder, "*.csx", SearchOption.AllDirectories)
        .Where(f => Path.GetFileName(f) != Prelude).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal);

    [TestCaseSource(nameof(Scripts))]
    public void A_script_compiles_without_the_host(string script)
    {
        if (!File.Exists(Path.Combine(Sources.Root, "src/Harness.Cli/bin/Debug/net10.0/Harness.Scenarios.dll")))
        {
            Assert.Ignore("The prelude's references lead to the Debug build of Harness.Cli, which is not there.");
        }

        string path = Path.Combine(Folder, script);
        CSharpScript.Create<object>(File.ReadAllText(path), ScriptOptions.Default.WithFilePath(path)).GetCompilation().GetDiagnostics()
            .Where(d => d.Severity == DiagnosticSeverity.Error).Should().BeEmpty();
    }
}
