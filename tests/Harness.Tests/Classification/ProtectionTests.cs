using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Machine;
using Harness.Running;
using Harness.Vmm.Classification;
using NUnit.Framework;

namespace Harness.Tests.Classification;

/// <summary>What becomes of innocuous forms when the modes of a pair do not share memory, one protection at a time: why the definitions are asked without any.</summary>
public sealed class ProtectionTests
{
    private static readonly ProcessorModel Model = WithVmx(TestModels.Edit("yonah", root =>
    {
        root["features"]!.AsArray().Add("Smep");
        root["features"]!.AsArray().Add("Smap");
        root["instructionSets"]!.AsArray().Add("SMAP");
        root["msrs"]!.AsArray().Single(m => (string?)m!["number"] == "489")!["reset"] = "3021FF";
    }));

    private static readonly string[] Forms = ["add r32, r32 (o32 01 /r)", "lea r32, m", "mov r32, m32", "add m32, r32", "push imm32"];

    private static ProcessorModel WithVmx(ProcessorModel model)
    {
        model.Add(new VmxExtension(model, model.Name));
        return model;
    }

    [TestCase("permissive", "innocuous", "innocuous", "innocuous", "innocuous", "innocuous")]
    [TestCase("supervisor-segments", "innocuous", "innocuous", "privileged", "privileged", "innocuous")]
    [TestCase("supervisor-pages", "innocuous", "innocuous", "privileged", "privileged", "innocuous")]
    [TestCase("smap", "innocuous", "innocuous", "sensitive", "sensitive", "sensitive")]
    [TestCase("smep", "sensitive", "sensitive", "sensitive", "sensitive", "sensitive")]
    public void A_protection_makes_of_every_form_that_it_meets_what_it_is_not(string name, params string[] classes)
    {
        MonitorConfiguration configuration = SituationNames.Configuration(Model, name);

        IReadOnlyList<FormVerdict> verdicts = ClassificationRunner.Run(Model, [GuestMode.Protected], f => Forms.Contains(f.Name), new InlineExecutor(), [configuration]);

        verdicts.Select(v => v.Form.Name).Should().BeEquivalentTo(Forms);
        Forms.Select(f => verdicts.Single(v => v.Form.Name == f)).Select(v => v.ClassOf(v.Configurations[0]).ToString().ToLowerInvariant()).Should().Equal(classes);
        foreach (Finding finding in verdicts.SelectMany(v => v.Configurations[0].Findings))
        {
            using var laboratory = new Laboratory(Model);
            Witness witness = finding.Witness;
            finding.Name.Should().Be("mode");
            Replay.Of(laboratory, Setting.Parse(witness.Setting.ToString()), witness.First, witness.Second).Differences.Should().Contain(witness.Difference);
        }
    }

    [TestCase("lar r32, r32", "smap", "mode")]
    [TestCase("vmxoff", "smap", "privileged")]
    [TestCase("vmread r32, r32", "smap", "privileged")]
    [TestCase("mov r32, ds", "supervisor-segments", "innocuous")]
    [TestCase("push fs (o32 0F A0)", "supervisor-segments", "innocuous")]
    public void A_protection_leaves_what_it_does_not_meet(string form, string name, string expected)
    {
        FormVerdict verdict = ClassificationRunner.Run(Model, [GuestMode.Protected], f => f.Name == form, new InlineExecutor(), [SituationNames.Configuration(Model, name)]).Single();

        ConfigurationVerdict found = verdict.Configurations[0];
        string[] words = [verdict.ClassOf(found).ToString().ToLowerInvariant(), .. found.Findings.Select(f => f.Name)];
        words.Should().Contain(expected);
        found.Pairs.Should().BeGreaterThan(20);
    }

    [Test]
    public void A_model_without_prevention_offers_none()
    {
        MonitorConfiguration.WithProtection(ModelRegistry.Load("yonah")).Select(c => c.Name).Should().Equal("supervisor-segments", "supervisor-pages");
        FluentActions.Invoking(() => SituationNames.Configuration(ModelRegistry.Load("yonah"), "smap")).Should().Throw<FormatException>().WithMessage("*supervisor-segments*found 'smap'");
    }
}
