using System.Collections.Immutable;
using System.Xml.Linq;
using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Architecture;

/// <summary>Dependencies run one way: the edges of the project files are these and no others.</summary>
public sealed class ProjectGraphTests
{
    private static readonly (string Project, string[] References)[] Graph =
    [
        ("Harness", ["Engines", "Hardware", "Isa", "Machine", "Records", "Reports", "Scenarios", "Scripting", "Vmm"]),
        ("Harness.Cli", [""]),
        ("Harness.Engines", ["Hardware", "Vmm"]),
        ("Harness.Hardware", ["Machine"]),
        ("Harness.Isa", []),
        ("Harness.Machine", ["Isa"]),
        ("Harness.Records", []),
        ("Harness.Reports", ["Records"]),
        ("Harness.Scenarios", ["Records", "Vmm"]),
        ("Harness.Scripting", ["Scenarios"]),
        ("Harness.Vmm", ["Machine"]),
    ];

    /// <summary>Packages that only these projects may name.</summary>
    private static readonly (string Package, string[] Projects)[] Confined =
    [
        ("FluentAssertions", ["Harness.Scenarios"]),
        ("Microsoft.CodeAnalysis.CSharp.Scripting", ["Harness.Scripting"]),
        ("System.CommandLine", ["Harness.Cli"]),
        ("Spectre.Console", ["Harness.Cli", "Harness.Reports"]),
        ("Iced", ["Harness.Isa"]),
    ];

    [Test]
    public void Every_project_has_its_edges_and_no_others()
    {
        string[] expected = [.. Graph.SelectMany(row => row.References.DefaultIfEmpty("-").Select(to => $"{row.Project} -> {Full(to)}"))];
        string[] found = [.. Sources.Projects.SelectMany(project => References(project).DefaultIfEmpty("-").Select(to => $"{project} -> {to}"))];
        found.Should().Equal(expected);
    }

    [Test]
    public void Packages_stay_in_the_projects_they_belong_to()
    {
        foreach ((string package, string[] projects) in Confined)
        {
            Sources.Projects.Where(project => Items(project, "PackageReference").Contains(package)).Should().Equal(projects, "{0} belongs to them", package);
        }
    }

    [Test]
    public void Code_below_the_command_line_is_checked_for_banned_symbols()
    {
        foreach (string project in Sources.Projects.Where(project => project != "Harness.Cli"))
        {
            Items(project, "PackageReference").Should().Contain("Microsoft.CodeAnalysis.BannedApiAnalyzers", "{0} is below the command line", project);
            Items(project, "AdditionalFiles").Should().Contain("../BannedSymbols.txt", "{0} is below the command line", project);
        }
    }

    [Test]
    public void The_solution_holds_every_project()
    {
        string solution = File.ReadAllText(Path.Combine(Sources.Root, "Harness.sln")).Replace('\\', '/');
        foreach (string folder in new[] { "src", "tests" })
        {
            string path = Path.Combine(Sources.Root, folder);
            foreach (string project in Directory.GetFiles(path, "*.csproj", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                solution.Split('"').Should().Contain(Path.GetRelativePath(Sources.Root, project).Replace('\\', '/'));
            }
        }
    }

    private static string Full(string reference) => reference switch
    {
        "-" => "-",
        "" => "Harness",
        _ => $"Harness.{reference}",
    };

    private static ImmutableArray<string> References(string project) =>
        [.. Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    private static ImmutableArray<string> Items(string project, string item) =>
    [
        .. XDocument.Load(Path.Combine(Sources.Root, "src", project, project + ".csproj")).Descendants(item).Select(element => (string?)element.Attribute("Include"))
            .OfType<string>(),
    ];
}
