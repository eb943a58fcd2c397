using FluentAssertions;
using Harness.Scripting;
using NUnit.Framework;

namespace Harness.Tests.Scripting;

/// <summary>Where scripts are found, what ids they have and where their snapshots are.</summary>
public sealed class ScriptWorkspaceTests
{
    private string _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = Directory.CreateTempSubdirectory("harness-find-").FullName;
        foreach (var file in (string[])["scenarios/a.csx", "scenarios/t/b.csx", "scenarios/t/note.txt", "own/prelude.csx", "own/t/u/c.csx", "loose/t/d.csx"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder, file))!);
            File.WriteAllText(Path.Combine(_folder, file), "");
        }
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    [Platform("Linux,MacOsX", Reason = "elsewhere a backslash is no part of a name")]
    public void ShouldShowABackslashInAName() => new ScriptWorkspace("/w").Display("/w/t/a\\b.csx").Should().Be("t/a\\b.csx");

    [TestCase("scenarios", "a t/b", "snapshots")]
    [TestCase("scenarios/t", "t/b", "snapshots")]
    [TestCase("scenarios/t/b.csx", "t/b", "snapshots")]
    [TestCase("scenarios/a", "a", "snapshots")]
    [TestCase("a", "a", "snapshots")]
    [TestCase("t", "t/b", "snapshots")]
    [TestCase("t/b", "t/b", "snapshots")]
    [TestCase("own", "t/u/c", "snapshots")]
    [TestCase("own/t/u/c.csx", "t/u/c", "snapshots")]
    [TestCase("loose", "t/d", "loose/snapshots")]
    [TestCase("loose/t/d.csx", "d", "loose/t/snapshots")]
    public void ShouldCountIdsFromTheScenarioRoot(string path, string ids, string snapshots)
    {
        var scripts = new ScriptWorkspace(_folder).Find([path], out var complaints);

        complaints.Should().BeEmpty();
        scripts.Select(s => s.Id).Should().Equal(ids.Split(' '));
        ScriptWorkspace.SnapshotFolder(scripts[0].Root).Should().Be(Path.Combine(_folder, snapshots));
    }

    [Test]
    public void ShouldFindAScriptOnceAndShowItRelativeToTheWorkingFolder()
    {
        var workspace = new ScriptWorkspace(Path.Combine(_folder, "own"));

        var scripts = workspace.Find(["../scenarios/t", "../scenarios/t/b.csx", Path.Combine(_folder, "scenarios/t/b.csx")], out _);

        scripts.Should().ContainSingle();
        workspace.Display(scripts[0].Path).Should().Be("../scenarios/t/b.csx");
    }

    [Test]
    public void ShouldComplainAboutEveryPathThatIsNoUse()
    {
        new ScriptWorkspace(_folder).Find(["nowhere", "scenarios/t/note.txt"], out var complaints).Should().BeEmpty();

        complaints.Should().HaveCount(2);
        complaints[0].Should().StartWith("nowhere: ");
        complaints[1].Should().StartWith("scenarios/t/note.txt: ");
    }

    [TestCase("scenarios", "scenarios", true)]
    [TestCase(".", "scenarios", true)]
    [TestCase("scenarios/t", "scenarios", false)]
    [TestCase("own", "scenarios", false)]
    public void ShouldTellFoldersAbove(string given, string target, bool expected) =>
        new ScriptWorkspace(_folder).IsAtOrAbove(given, Path.Combine(_folder, target)).Should().Be(expected);
}
