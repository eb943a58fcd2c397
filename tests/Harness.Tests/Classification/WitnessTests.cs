using FluentAssertions;
using Harness.Machine;
using Harness.Running;
using Harness.Vmm.Classification;
using NUnit.Framework;

namespace Harness.Tests.Classification;

/// <summary>Every witness shows again what it is the witness of, from its text alone.</summary>
public sealed class WitnessTests
{
    private static readonly ProcessorModel Pentium = ModelRegistry.Load("pentium");

    [TestCase("pentium", GuestMode.Real)]
    [TestCase("pentium", GuestMode.Protected)]
    [TestCase("pentium", GuestMode.Virtual8086)]
    [TestCase("yonah", GuestMode.Protected)]
    public void Every_witness_replays(string cpu, GuestMode mode)
    {
        IReadOnlyList<FormVerdict> verdicts = Classified.Of(cpu, mode);
        using var laboratory = new Laboratory(ModelRegistry.Load(cpu));
        var wrong = new List<string>();
        int replayed = 0;
        foreach ((FormVerdict form, Witness witness) in verdicts.SelectMany(v => v.Configurations.SelectMany(c => c.Findings).Select(f => (v, f.Witness))))
        {
            replayed++;
            Replay replay = Again(laboratory, witness);
            if (!replay.Differences.Contains(witness.Difference))
            {
                wrong.Add($"{form.Form}, {witness.First}: {witness.Difference}; found {string.Join("; ", replay.Differences)}: {witness.Setting}");
            }
        }

        wrong.Should().BeEmpty();
        replayed.Should().BePositive();
    }

    [TestCase("pentium", GuestMode.Real)]
    [TestCase("pentium", GuestMode.Protected)]
    [TestCase("pentium", GuestMode.Virtual8086)]
    [TestCase("yonah", GuestMode.Protected)]
    public void Every_witness_against_privilege_runs_in_user_mode(string cpu, GuestMode mode)
    {
        using var laboratory = new Laboratory(ModelRegistry.Load(cpu));
        Witness[] witnesses = [.. Classified.Of(cpu, mode).SelectMany(v => v.Configurations).Select(c => c.NotPrivileged).OfType<Witness>()];
        witnesses.Should().HaveCountGreaterThan(100);
        foreach (Witness witness in witnesses)
        {
            Replay replay = Again(laboratory, witness);
            (replay.FirstOutcome.Ending, replay.SecondOutcome!.Ending).Should().Be((witness.Difference.First, witness.Difference.Second), witness.Setting.ToString());
            replay.SecondOutcome.Retired.Should().BeTrue();
        }
    }

    [TestCase("pentium")]
    [TestCase("yonah")]
    public void Privilege_rests_on_more_than_a_few_pairs(string cpu)
    {
        GuestMode[] modes = cpu == "pentium" ? [GuestMode.Real, GuestMode.Protected, GuestMode.Virtual8086] : [GuestMode.Protected];
        modes.SelectMany(m => Classified.Of(cpu, m)).SelectMany(v => v.Configurations.Where(c => c.IsPrivileged).Select(c => (v.Form, v.Mode, c.Pairs))).Where(v => v.Pairs < 5)
            .Should().BeEmpty();
    }

    [Test]
    public void A_verdict_does_not_depend_on_the_forms_classified_before()
    {
        IReadOnlyList<FormVerdict> several = ClassificationRunner.Run(Pentium, [GuestMode.Protected], f => f.Mnemonic is "popfd" or "smsw" or "mov" or "sgdt", new InlineExecutor());
        IReadOnlyList<FormVerdict> one = ClassificationRunner.Run(Pentium, [GuestMode.Protected], f => f.IsNamed("sgdt"), new InlineExecutor());
        Text(one).Should().Be(Text(several.Where(v => v.Form.Mnemonic == "sgdt")));

        static string Text(IEnumerable<FormVerdict> verdicts) => string.Join(
            '\n', verdicts.SelectMany(v => v.Configurations.Select(c => $"{v.Form} {c.Pairs} {c.Trapped} {string.Join(' ', c.Findings.Select(f => $"{f.Name} {f.Witness.Setting}"))}")));
    }

    [TestCase("supervisor")]
    [TestCase("user+control registers")]
    [TestCase("user+tables")]
    public void A_situation_has_a_text(string place) =>
        SituationNames.Place(SituationNames.Parse(GuestMode.Protected, MonitorConfiguration.Trapping, place)).Should().Be(place);

    [TestCase("", "found ''")]
    [TestCase("kernel", "found 'kernel'")]
    [TestCase("user+", "found 'user+'")]
    [TestCase("user+tables+memory", "found 'user+tables+memory'")]
    public void A_situation_that_is_none_is_refused(string place, string message) =>
        FluentActions.Invoking(() => SituationNames.Parse(GuestMode.Real, MonitorConfiguration.Trapping, place)).Should().Throw<FormatException>().WithMessage($"*{message}*");

    private static Replay Again(Laboratory laboratory, Witness witness) => Replay.Of(
        laboratory, Setting.Parse(witness.Setting.ToString()), Again(witness.First), witness.Second is { } second ? Again(second) : null);

    private static Situation Again(Situation situation) => SituationNames.Parse(situation.Mode, situation.Configuration, SituationNames.Place(situation));
}
