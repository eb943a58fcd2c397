using FluentAssertions;
using Harness.Isa;
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
    [TestCase("yonah", GuestMode.Real)]
    [TestCase("yonah", GuestMode.Protected)]
    [TestCase("yonah", GuestMode.Virtual8086)]
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
    [TestCase("yonah", GuestMode.Real)]
    [TestCase("yonah", GuestMode.Protected)]
    [TestCase("yonah", GuestMode.Virtual8086)]
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
        GuestMode[] modes = [GuestMode.Real, GuestMode.Protected, GuestMode.Virtual8086];
        modes.SelectMany(m => Classified.Of(cpu, m)).SelectMany(v => v.Configurations.Where(c => c.IsPrivileged).Select(c => (v.Form, v.Mode, c.Pairs))).Where(v => v.Pairs < 5)
            .Should().BeEmpty();
    }

    /// <summary>CR0.PE and PG, EFLAGS.VM, and the segments' selectors and rights are the mode; all other resources of the two sides are the same.</summary>
    [TestCase(GuestMode.Real)]
    [TestCase(GuestMode.Protected)]
    [TestCase(GuestMode.Virtual8086)]
    public void The_states_of_a_pair_are_equal_in_all_but_the_mode(GuestMode mode)
    {
        using var laboratory = new Laboratory(Pentium);
        foreach (MonitorConfiguration configuration in MonitorConfiguration.Of(Pentium))
        {
            var supervisor = new Situation(mode, Side.Supervisor, configuration, Axis.None);
            var setting = Setting.Parse("code=90 esp=800");
            CpuState one = laboratory.Run(setting, supervisor).Start;
            CpuState other = laboratory.Run(setting, supervisor with { Side = Side.User }).Start;
            Resources(one).Should().Be(Resources(other));
        }

        static string Resources(in CpuState s) => string.Join(
            ' ', s.Gdtr.Base, s.Gdtr.Limit, s.Idtr.Base, s.Idtr.Limit, s.Ldtr.Selector, s.Ldtr.Base, s.Ldtr.Limit, s.Tr.Selector, s.Tr.Base, s.Tr.Limit, s.System.Cr0 & ~(Cr0.PE | Cr0.PG),
            s.System.Cr2, s.System.Cr3, s.System.Cr4, s.System.Dr0, s.System.Dr1, s.System.Dr2, s.System.Dr3, s.System.Dr6, s.System.Dr7, s.System.Efer, s.System.SysenterCs,
            s.System.SysenterEsp, s.System.SysenterEip, s.Cs.Base, s.Cs.Limit, s.Ss.Base, s.Ss.Limit, s.Ds.Base, s.Es.Base, s.Fs.Base, s.Gs.Base);
    }

    /// <summary>Which operands were drawn for one of them must not decide what is found.</summary>
    [TestCase("jmp ptr16:16", "jmp ptr16:32", "jmp m16:16", "jmp m16:32")]
    [TestCase("call ptr16:16", "call ptr16:32", "call m16:16", "call m16:32")]
    [TestCase("retf (o16 CB)", "retf (o32 CB)", "retf imm16 (o16 CA iw)", "retf imm16 (o32 CA iw)")]
    [TestCase("lds r16, m16:16", "lds r32, m16:32", "les r16, m16:16", "les r32, m16:32")]
    public void Forms_of_one_far_transfer_fare_alike(params string[] forms)
    {
        string[] findings =
        [
            .. from name in forms
               let verdict = Classified.Of("pentium", GuestMode.Protected).Single(v => v.Form.Name == name)
               select string.Join("; ", verdict.Configurations.Select(c => $"{c.Configuration.Name}: {string.Join(", ", c.Findings.Select(f => $"{f.Name} {f.Side}"))}")),
        ];
        findings.Distinct().Should().ContainSingle();
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

    [TestCase("code=0F0B", "")]
    [TestCase("code=F4", "outcome: retires / #GP(0)")]
    public void Runs_that_fault_differ_by_their_faults_alone(string code, string difference)
    {
        using var laboratory = new Laboratory(Pentium);
        var supervisor = new Situation(GuestMode.Protected, Side.Supervisor, MonitorConfiguration.Permissive, Axis.None);
        Replay replay = Replay.Of(laboratory, Setting.Parse($"{code} esp=800"), supervisor, supervisor with { Side = Side.User });
        string.Join("; ", replay.Differences).Should().Be(difference);
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
