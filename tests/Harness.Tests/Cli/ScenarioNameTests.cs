using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>Every command names scenarios in one way: a path, an id, or an id without its topic where only one script has it.</summary>
public sealed class ScenarioNameTests
{
    private const string Body = "s => s.Run(Guest.Protected32(a => a.Done()))";

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new CliFolder();
        _folder.Script("a", $"Scenario(\"a\", {Body});");
        _folder.Script("two", $"Scenario(\"one\", name: \"one\", body: {Body});\nScenario(\"other\", name: \"other\", body: {Body});");
        _folder.Write("scenarios/u/same.csx", $"#load \"../prelude.csx\"\nScenario(\"u\", {Body});");
        _folder.Script("same", $"Scenario(\"t\", {Body});");
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("t/a", "t/a")]
    [TestCase("a", "t/a")]
    [TestCase("a.csx", "t/a")]
    [TestCase("t/a.csx", "t/a")]
    [TestCase("scenarios/t/a", "t/a")]
    [TestCase("./scenarios/t/a.csx", "t/a")]
    [TestCase("t/two.one", "t/two.one")]
    [TestCase("two.other", "t/two.other")]
    [TestCase("scenarios/t/two.one", "t/two.one")]
    [TestCase("u", "u/same")]
    public void Every_command_takes_every_kind_of_name(string name, string id)
    {
        _folder.Run("list", name).Out.Should().StartWith(id + " ").And.Subject.Trim().Split('\n').Should().HaveCount(1);
        _folder.Run("run", name, "--engine", "interpret").Out.Should().MatchRegex($"passed +{id} +2  new\n").And.Contain("1 scenario:");
        _folder.Run("trace", name).Should().Match<(int Code, string Out, string Error)>(r => r.Code == 0 && r.Out.Length > 0);
        _folder.Run("diverge", name, "--engines", "bare,interpret").Should().Be((0, "run 1, bare and interpret: the same to the end\n", ""));
        _folder.Run("diff", name).Out.Should().StartWith(id + ": new.");
        _folder.Run("accept", name).Should().Be((0, $"accepted  {id}\n", ""));
    }

    [TestCase("same", 5, "same: several scripts in scenarios have this name: t/same, u/same")]
    [TestCase("nowhere", 5, "nowhere: no such file or folder, and no such id in scenarios; `harness list` shows the ids")]
    [TestCase("t/nowhere", 5, "t/nowhere: no such file or folder, and no such id in scenarios; `harness list` shows the ids")]
    [TestCase("t/two.third", 8, "no scenario 't/two.third'; scenarios/t/two.csx declares t/two.one, t/two.other")]
    [TestCase("two.third", 8, "no scenario 't/two.third'; scenarios/t/two.csx declares t/two.one, t/two.other")]
    public void Every_command_complains_alike(string name, int code, string complaint)
    {
        foreach (var command in (string[][])[["run"], ["list"], ["trace"], ["diverge", "--engines", "bare,vtx"]])
        {
            _folder.Run([.. command, name]).Should().Be((code, "", $"harness: {complaint}\n"));
        }
    }

    [Test]
    public void A_name_of_a_script_and_of_a_topic_means_both()
    {
        _folder.Write("scenarios/t.csx", $"#load \"prelude.csx\"\nScenario(\"x\", {Body});");

        _folder.Run("list", "t").Out.Should().MatchRegex("^t +x\nt/a ");
        _folder.Run("list", "t/").Out.Should().StartWith("t/a ");
        _folder.Run("list", "t.csx").Out.Should().StartWith("t ").And.NotContain("t/a");
        _folder.Run("list", "scenarios/t").Out.Should().MatchRegex("^t +x\nt/a ");
    }

    [Test]
    public void A_name_that_is_both_a_path_and_an_id_is_refused()
    {
        _folder.Write("t/z.csx", $"#load \"../scenarios/prelude.csx\"\nScenario(\"z\", {Body});");

        _folder.Run("list", "t").Should().Be((5, "", "harness: t: both a path and an id: write ./t or scenarios/t\n"));
        _folder.Run("list", "./t").Out.Should().StartWith("z ");
        _folder.Run("list", "scenarios/t").Out.Should().StartWith("t/a ");
        _folder.Run("list", "t/a").Out.Should().StartWith("t/a ");
    }

    [Test]
    public void One_scenario_of_a_script_and_then_the_script_mean_the_script()
    {
        _folder.Run("list", "t/two.one", "t/two").Out.Should().Contain("t/two.one").And.Contain("t/two.other");
        _folder.Run("list", "t/two", "t/two.one").Out.Should().Contain("t/two.one").And.Contain("t/two.other");
        _folder.Run("list", "t/two.other", "t/two.one").Out.Should().Contain("t/two.one").And.Contain("t/two.other");
    }

    [Test]
    public void Several_scenarios_where_one_is_meant_are_named()
    {
        _folder.Run("trace", "t").Should().Be((5, "", "harness: t: expected one scenario, found 4: name one of t/a, t/same, t/two.one, t/two.other\n"));
        _folder.Run("trace", "t/two").Should().Be((5, "", "harness: t/two: expected one scenario, found 2: name one of t/two.one, t/two.other\n"));
    }
}
