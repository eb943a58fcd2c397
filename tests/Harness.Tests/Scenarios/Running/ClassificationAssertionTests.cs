using FluentAssertions;
using Harness.Scenarios;
using NUnit.Framework;

namespace Harness.Tests.Scenarios.Running;

/// <summary>What scenarios ask about a processor, and what they hear when they are wrong.</summary>
public sealed class ClassificationAssertionTests
{
    private const string Popfd = "code=9D esp=800 @C800=02000000";

    [Test]
    public void A_processor_with_a_sensitive_unprivileged_form_is_not_virtualizable() => Run(["popfd", "clts", "aaa"], s =>
    {
        ClassifiedProcessor pentium = s.Cpu("pentium");
        pentium.Should().NotBeVirtualizable(dueTo: ["popfd"]).And.NotBeRecursivelyVirtualizable();
        Failure(() => pentium.Should().BeVirtualizable(because: "I want it")).Should()
            .Be("Expected pentium, protected mode to be virtualizable because I want it, but under every configuration there are offending forms:\n"
                + "permissive: popfd\ntrapping: popfd\nvirtual-interrupts: popfd\nSee: harness classify --cpu pentium --mode protected --theorem 1");
        Failure(() => pentium.Should().NotBeVirtualizable(dueTo: ["clts", "popfd", "aaa"])).Should()
            .Contain("not to be virtualizable because of clts; popfd; aaa, but under permissive these do not offend: clts; aaa. Offending: popfd. See: ");
    });

    [Test]
    public void A_reason_that_is_no_form_is_refused() => Run(["popfd"], s =>
    {
        ClassifiedProcessor pentium = s.Cpu("pentium");
        foreach (var assert in (Action<string[]>[])
            [n => pentium.Should().NotBeVirtualizable(n), n => pentium.Should().NotBeRecursivelyVirtualizable(n), n => pentium.Should().NotBeHybridVirtualizable(n)])
        {
            FluentActions.Invoking(() => assert(["popfd", "popff"])).Should().Throw<ArgumentException>().WithMessage("pentium has no form 'popff'; near it are popf;*");
            FluentActions.Invoking(() => assert([null!])).Should().Throw<ArgumentException>().WithMessage("*a mnemonic or the name of a form*");
        }
    });

    [Test]
    public void A_processor_without_one_is() => Run(["clts", "aaa", "lgdt"], s =>
    {
        ClassifiedProcessor pentium = s.Cpu("pentium");
        pentium.Should().BeVirtualizable().And.BeHybridVirtualizable().And.BeRecursivelyVirtualizable();
        Failure(() => pentium.Should().NotBeHybridVirtualizable()).Should().Contain("not to be hybrid virtualizable, but under permissive there is no offending form.");
    });

    [Test]
    public void Loads_of_segment_registers_can_be_left_out() => Run(["lds"], s =>
    {
        s.Cpu("pentium").Should().NotBeHybridVirtualizable();
        s.Cpu("pentium").Should().BeHybridVirtualizable(segments: false);
    });

    [Test]
    public void Classes_are_asserted_under_one_configuration_or_all() => Run([], s =>
    {
        ClassifiedInstruction cli = s.Cpu("pentium").Classify("CLI");
        cli.Should().BeSensitive(configuration: "permissive").And.BePrivileged(configuration: "trapping");
        Failure(() => cli.Should().BePrivileged()).Should().StartWith("Expected CLI on pentium, protected mode to be privileged, but found:\ncli, permissive: sensitive: control(system)\n")
            .And.Contain("See: harness classify --cpu pentium --mode protected --instruction \"CLI\" --witness").And.NotContain("trapping");
        Failure(() => cli.Should().BeSensitive("location(memory)", "permissive")).Should().Contain("to be sensitive with location(memory), but found:\ncli, permissive: sensitive");
        s.Cpu("pentium", "real").Classify("aaa").Should().BeInnocuous();
        FluentActions.Invoking(() => cli.Should().BePrivileged(configuration: "x")).Should().Throw<ArgumentException>().WithMessage("*permissive, trapping, virtual-interrupts; found 'x'*");
    });

    [Test]
    public void A_replay_shows_what_differs_and_nothing_else() => Run([], s =>
    {
        var witness = s.Replay("pentium", "protected", "trapping", Popfd, first: "supervisor", second: "user");
        witness.Should().Differ("eflags.IF", "0", "1").And.EndWith("retires", "retires");
        Failure(() => witness.Should().Differ("eflags.IF", "1", "0")).Should()
            .Be("Expected 9D (CPL 0 against CPL 3) to show eflags.IF: 1 / 0, but found eflags.IF: 0 / 1.");
        Failure(() => witness.Should().EndWith("retires", "#GP(0)")).Should().Contain("to end with retires and #GP(0), but found CPL 0 retires, CPL 3 retires.");
        var one = s.Replay("pentium", "protected", "trapping", Popfd, first: "supervisor");
        one.Should().Differ("eflags.IF", "1", "0");
        s.Replay("pentium", "protected", "trapping", "code=FA", first: "supervisor", second: "user").Should().EndWith("retires", "#GP(0)");
    });

    [TestCase("none", "protected", "trapping", "code=9D", "user", "There is no processor model 'none'")]
    [TestCase("pentium", "long", "trapping", "code=9D", "user", "no processor model has long mode yet; expected one of real, protected, v86")]
    [TestCase("i386", "protected", "virtual-interrupts", "code=9D", "user", "expected one of the configurations permissive, trapping, supervisor-segments, supervisor-pages of i386")]
    [TestCase("pentium", "protected", "trapping", "code=9", "user", "expected pairs of hexadecimal digits")]
    [TestCase("pentium", "protected", "trapping", "code=9D", "kernel", "expected supervisor or user")]
    [TestCase(null, "protected", "trapping", "code=9D", "user", "expected the name of a processor model; found null")]
    public void A_replay_of_something_else_is_refused(string? cpu, string mode, string configuration, string setting, string first, string message) => Run([], s =>
        FluentActions.Invoking(() => s.Replay(cpu!, mode, configuration, setting, first)).Should().Throw<Exception>().WithMessage($"*{message}*"));

    [Test]
    public void The_snapshot_holds_what_was_found()
    {
        FakeHost host = Run(["popfd", "clts"], s =>
        {
            s.Cpu("pentium").Theorem(1);
            s.Cpu("pentium").Classify("clts");
            s.Replay("pentium", "protected", "trapping", Popfd, "supervisor", "user");
        });

        host.Facts.Select(f => $"{f.Name}: {string.Join("; ", f.Lines)}").Should().Equal(
            "theorem 1 on pentium, protected mode: permissive: refuted by 1: popfd 1; trapping: refuted by 1: popfd 1; virtual-interrupts: refuted by 1: popfd 1",
            "clts on pentium, protected mode: clts, permissive: privileged: control(system); clts, trapping: privileged: control(system); "
                + "clts, virtual-interrupts: privileged: control(system)",
            "replay 1 on pentium, protected mode, trapping: supervisor: retires; user: retires; eflags.IF: 0 / 1");
    }

    private static FakeHost Run(string[] forms, Action<ScenarioContext> body)
    {
        var host = new FakeHost { Classified = forms.Length == 0 ? null : f => forms.Any(f.IsNamed) };
        host.Run(body);
        return host;
    }

    private static string Failure(Action assertion)
    {
        try
        {
            assertion();
        }
        catch (AssertionException e)
        {
            return e.Message;
        }

        return "no failure";
    }
}
