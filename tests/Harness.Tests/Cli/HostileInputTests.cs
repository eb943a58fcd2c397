using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>What a clumsy user gives the command line ends in a complaint and its exit code, never in a defect or a false success.</summary>
public sealed class HostileInputTests
{
    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("Scenario(\"x\", async s => { await System.Threading.Tasks.Task.Yield(); });", "the body is async")]
    [TestCase("Scenario(\"x\", s => Environment.Exit(0));", "'Environment.Exit(int)' is banned")]
    public void ShouldRefuseAScriptThatWouldHideItsVerdict(string script, string complaint)
    {
        _folder.Script("bad", script);

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("bad.csx(2,").And.Contain(complaint);
    }

    [Test]
    public void ShouldRefuseAnEmptyScript()
    {
        _folder.Write("scenarios/t/empty.csx", "");

        var run = _folder.Run("run");

        run.Code.Should().Be(5);
        run.Error.Should().Contain("empty.csx(1,1)").And.Contain("the script is empty");
    }

    [Test]
    public void ShouldTakeTheLongestTimeout()
    {
        _folder.Script("good", "Scenario(\"x\", s => { });");

        _folder.Run("run", "--timeout", "2147483647").Code.Should().Be(0);
    }

    [Test]
    public void ShouldNotLetAMessageColourTheOutput()
    {
        _folder.Script("bad", "Scenario(\"x\", s => throw new InvalidOperationException(\"\\u001b[31m\"));");

        _folder.Run("run").Out.Should().Contain("\\u{1B}[31m").And.NotContain("\u001b");
    }

    [Test]
    public void ShouldWriteRecordsThroughALinkInsteadOfReplacingIt()
    {
        _folder.Script("good", "Scenario(\"x\", s => { });");
        _folder.Write("target", "old");
        File.CreateSymbolicLink(_folder.File("link"), _folder.File("target"));

        _folder.Run("run", "--records", "link").Code.Should().Be(0);

        new FileInfo(_folder.File("link")).LinkTarget.Should().NotBeNull();
        File.ReadAllText(_folder.File("target")).Should().StartWith("{\"schema\"");
    }

    [TestCase("--debug-port", "0x20=out")]
    [TestCase("--exit-port", "0x20")]
    [TestCase("--initrd", "code")]
    [TestCase("--append", "text")]
    public void ShouldRefuseBootOptionsThatCannotBeObeyed(string option, string value)
    {
        File.WriteAllBytes(_folder.File("code"), [0xFA, 0xF4]);

        var run = _folder.Run("boot", "--load", "code@0x7C00", option, value);

        run.Code.Should().Be(5);
        run.Error.Should().Contain(option);
    }
}
