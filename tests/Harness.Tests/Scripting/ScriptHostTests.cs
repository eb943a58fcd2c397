using FluentAssertions;
using Harness.Scripting;
using Harness.Scripting.Compilation;
using Harness.Tests.Cli;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using NUnit.Framework;

namespace Harness.Tests.Scripting;

/// <summary>The script host: its cache, its rules, and that scripts are plain C# scripts.</summary>
public sealed class ScriptHostTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void ShouldRejectBannedSymbolsAtTheirPlace()
    {
        _folder.Script("x", """
            var a = DateTime.Now;
            var b = new Random();
            var c = Environment.TickCount;
            var d = "text".GetHashCode();
            var e = 5.GetHashCode();
            System.Threading.Tasks.Task.Run(() => 5);
            var f = new System.Threading.Thread(() => { });
            Random g = new(5);
            """);

        Load("x").Problems.Select(p => (p.Line, p.Code)).Distinct().Should().Equal(
            Enumerable.Range(2, 8).Select(line => (line, ScriptDiagnostic.Banned)));
        Load("x").Problems[0].ToString("x.csx").Should().StartWith("x.csx(2,18): error HS0002: 'DateTime.Now' is banned in scripts: ");
    }

    // Each alone: one hint in the compiled script has to be enough for the rules to be asked.
    [TestCase("var a = DateTime.Now;", "HS0002")]
    [TestCase("Func<int> a = \"x\".GetHashCode;", "HS0002")]
    [TestCase("var a = 5.GetHashCode();", "HS0002")]
    [TestCase("Random a = new(5);", "HS0002")]
    [TestCase("var a = new List<HashCode>();", "HS0002")]
    [TestCase("System.Globalization.CultureInfo.CurrentCulture = null;", "HS0002")]
    [TestCase("var a = Console.In;", "HS0002")]
    [TestCase("var a = System.Threading.Tasks.Task.Delay(1);", "HS0002")]
    [TestCase("foreach (var v in new[] { 1, 2 }.ToHashSet()) { }", "HS0003")]
    [TestCase("var a = new List<int>(new[] { 1, 2 }.ToHashSet());", "HS0003")]
    [TestCase("void M<T>(T t) where T : Dictionary<int, int> { foreach (var v in t.Keys) { } }", "HS0003")]
    public void ShouldFindOneBreachAlone(string line, string code)
    {
        _folder.Script("x", line);

        Load("x").Problems.Select(p => p.Code).Should().Contain(code);
    }

    [Test]
    public void ShouldNotTakeTheHashOfAnAnonymousTypeForABreach()
    {
        ScriptImage? image = ScriptCompiler.Compile(Path.GetFullPath("x.csx"), "var a = new { b = 1 }; record R(int A); var c = new R(5).ToString();", out _);

        ScriptRules.MayBeBroken(image!.Assembly).Should().BeFalse();
    }

    [Test]
    public void ShouldRejectEnumerationsWithoutDefinedOrder()
    {
        _folder.Script("x", """
            var map = new Dictionary<int, int>(); var set = new HashSet<int>(); var list = new List<int>();
            foreach (var (k, v) in map) { }
            foreach (var k in map.Keys) { }
            foreach (var v in set) { }
            var a = map.Select(p => p.Key).ToList();
            var b = string.Join(",", set);
            list.AddRange(set);
            foreach (var v in list) { }
            foreach (var v in set.Order()) { }
            var c = map.OrderBy(p => p.Key).First().Value + map.Count() + map[1];
            """);

        Load("x").Problems.Select(p => (p.Line, p.Code)).Should().Equal(Enumerable.Range(3, 6).Select(line => (line, ScriptDiagnostic.Unordered)));
    }

    [Test]
    public void ShouldTakeAnUnchangedScriptFromTheCacheAndCompileAChangedOne()
    {
        _folder.Write("scenarios/t/part.csx", "string Part() => \"one\";");
        _folder.Script("x", "#load \"part.csx\"\nScenario(Part(), s => s.Host.Count(1, 0));");
        Title().Should().Be("one");
        var entry = Entries().Single();
        var written = File.GetLastWriteTimeUtc(entry);

        Title().Should().Be("one");
        Entries().Should().Equal(entry);
        File.GetLastWriteTimeUtc(entry).Should().Be(written);

        _folder.Write("scenarios/t/part.csx", "string Part() => \"two\";");
        Title().Should().Be("two");
        Entries().Should().HaveCount(2);
    }

    [TestCase(0)]
    [TestCase(12)]
    [TestCase(-100)]
    public void ShouldRecompileADamagedEntry(int length)
    {
        _folder.Script("x", "Scenario(\"one\", s => s.Host.Count(1, 0));");
        Title().Should().Be("one");
        var entry = Entries().Single();
        var whole = File.ReadAllBytes(entry);
        File.WriteAllBytes(entry, whole[..(length < 0 ? whole.Length + length : length)]);

        Title().Should().Be("one");

        File.ReadAllBytes(entry).Length.Should().BeCloseTo(whole.Length, 64);
    }

    [Test]
    public void ShouldRecompileAnEntryWithAFlippedBit()
    {
        _folder.Script("x", "Scenario(\"one\", s => s.Host.Count(1, 0));");
        Title().Should().Be("one");
        var entry = Entries().Single();
        var bytes = File.ReadAllBytes(entry);
        bytes[^2000] ^= 1;
        File.WriteAllBytes(entry, bytes);

        Title().Should().Be("one");
        File.ReadAllBytes(entry).Should().NotEqual(bytes);
    }

    [Test]
    public void ShouldWorkWithoutAFolderToWrite()
    {
        _folder.Script("x", "Scenario(\"one\", s => s.Host.Count(1, 0));");
        _folder.Write("file", "");

        new ScriptHost(new ScriptCache(_folder.File("file/cache"))).Prepare(FileOf("x")).Declare().Scenarios.Single().Title.Should().Be("one");
        new ScriptHost(new ScriptCache(null)).Prepare(FileOf("x")).Declare().Scenarios.Single().Title.Should().Be("one");
    }

    [TestCase("/own", "/xdg", "/own")]
    [TestCase(null, "/xdg", "/xdg/harness")]
    public void ShouldKeepTheCacheWhereTheUserWants(string? own, string? xdg, string folder) =>
        ScriptCache.DefaultFolder(name => name == "HARNESS_CACHE" ? own : xdg).Should().Be(folder);

    [Test]
    public void ShouldUnloadAScript()
    {
        _folder.Script("x", "Scenario(\"one\", s => s.Host.Count(1, 0));");

        var context = LoadAndForget();
        for (var i = 0; i < 10 && context.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        context.IsAlive.Should().BeFalse();

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference LoadAndForget()
        {
            using var script = Load("x");
            var body = script.Scenarios.Single().Body;
            return new WeakReference(System.Runtime.Loader.AssemblyLoadContext.GetLoadContext(body.Method.Module.Assembly));
        }
    }

    [Test]
    public void ShouldAcceptNothingThatAPlainScriptCouldNotBe()
    {
        _folder.Script("x", "Scenario(\"one\", covers: \"A1\", s => (1 + 1).Should().Be(2));");
        _folder.Write("scenarios/prelude.csx", File.ReadAllText(_folder.File("scenarios/prelude.csx"))
            .Replace("#r \"", $"#r \"{Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)}/", StringComparison.Ordinal)
            .Replace("\"\nglobal", ".dll\"\nglobal", StringComparison.Ordinal)
            .Replace("\"\n#r", ".dll\"\n#r", StringComparison.Ordinal));
        var path = FileOf("x").Path;

        var plain = CSharpScript.Create(File.ReadAllText(path), ScriptOptions.Default.WithFilePath(path)).Compile();

        plain.Where(d => d.Severity == DiagnosticSeverity.Error).Should().BeEmpty();
        Load("x").Outcome.Should().Be(LoadOutcome.Declared);
    }

    private string[] Entries() => Directory.GetFiles(_folder.File("cache"));

    private string Title() => Load("x").Scenarios.Single().Title;

    private LoadedScript Load(string name) => new ScriptHost(new ScriptCache(_folder.File("cache"))).Prepare(FileOf(name)).Declare();

    private ScriptFile FileOf(string name) => new ScriptWorkspace(_folder.Path).Find([$"scenarios/t/{name}.csx"], out _).Single();
}
