using FluentAssertions;
using FluentAssertions.Execution;
using FluentAssertions.Primitives;
using Harness.Vmm.Classification;

namespace Harness.Scenarios;

/// <summary>Assertions on Popek and Goldberg's theorems. A failure lists the forms that violate a condition.</summary>
public sealed class ClassifiedProcessorAssertions(ClassifiedProcessor processor) : ReferenceTypeAssertions<ClassifiedProcessor, ClassifiedProcessorAssertions>(processor)
{
    protected override string Identifier => "processor";

    /// <summary>Theorem 1: under some configuration every sensitive form is privileged.</summary>
    /// <param name="segments">Loads of segment registers count as control sensitive.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<ClassifiedProcessorAssertions> BeVirtualizable(bool segments = true, string because = "", params object[] becauseArgs) =>
        Satisfy(1, "virtualizable", segments, because, becauseArgs);

    /// <summary>Theorem 1 is refuted under every configuration.</summary>
    /// <param name="dueTo">Names of forms, or mnemonics, that refute it under every configuration; none: whichever.</param>
    /// <param name="segments">Loads of segment registers count as control sensitive.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<ClassifiedProcessorAssertions> NotBeVirtualizable(
        IEnumerable<string>? dueTo = null, bool segments = true, string because = "", params object[] becauseArgs) =>
        Violate(1, "virtualizable", dueTo, segments, because, becauseArgs);

    /// <summary>Theorem 2: under some configuration the machine can be virtualized within itself.</summary>
    /// <inheritdoc cref="BeVirtualizable" path="/param"/>
    public AndConstraint<ClassifiedProcessorAssertions> BeRecursivelyVirtualizable(bool segments = true, string because = "", params object[] becauseArgs) =>
        Satisfy(2, "recursively virtualizable", segments, because, becauseArgs);

    /// <summary>Theorem 2 is refuted under every configuration.</summary>
    /// <inheritdoc cref="NotBeVirtualizable" path="/param"/>
    public AndConstraint<ClassifiedProcessorAssertions> NotBeRecursivelyVirtualizable(
        IEnumerable<string>? dueTo = null, bool segments = true, string because = "", params object[] becauseArgs) =>
        Violate(2, "recursively virtualizable", dueTo, segments, because, becauseArgs);

    /// <summary>Theorem 3: under some configuration every user-sensitive form is privileged.</summary>
    /// <inheritdoc cref="BeVirtualizable" path="/param"/>
    public AndConstraint<ClassifiedProcessorAssertions> BeHybridVirtualizable(bool segments = true, string because = "", params object[] becauseArgs) =>
        Satisfy(3, "hybrid virtualizable", segments, because, becauseArgs);

    /// <summary>Theorem 3 is refuted under every configuration.</summary>
    /// <inheritdoc cref="NotBeVirtualizable" path="/param"/>
    public AndConstraint<ClassifiedProcessorAssertions> NotBeHybridVirtualizable(
        IEnumerable<string>? dueTo = null, bool segments = true, string because = "", params object[] becauseArgs) =>
        Violate(3, "hybrid virtualizable", dueTo, segments, because, becauseArgs);

    private AndConstraint<ClassifiedProcessorAssertions> Satisfy(int theorem, string what, bool segments, string because, object[] becauseArgs)
    {
        IReadOnlyList<TheoremVerdict> verdicts = Subject.Theorem(theorem, segments);
        if (!verdicts.Any(v => v.Holds))
        {
            string found = string.Join('\n', verdicts.Select(v => $"{v.Configuration.Name}: {Offending(v)}"));
            Execute.Assertion.BecauseOf(because, becauseArgs).FailWith($"Expected {Subject} to be {what}{{reason}}, but under every configuration there are offending forms:\n{found}\nSee: {Subject.Command} --theorem {theorem}");
        }

        return new AndConstraint<ClassifiedProcessorAssertions>(this);
    }

    private AndConstraint<ClassifiedProcessorAssertions> Violate(
        int theorem, string what, IEnumerable<string>? dueTo, bool segments, string because, object[] becauseArgs)
    {
        string[] wanted = [.. dueTo ?? []];
        Subject.ExpectForms(wanted, nameof(dueTo));
        IReadOnlyList<TheoremVerdict> verdicts = Subject.Theorem(theorem, segments);
        TheoremVerdict? other = verdicts.FirstOrDefault(v => v.Holds || Others(v).Any());
        if (other is not null)
        {
            string due = wanted.Length == 0 ? "" : $" because of {string.Join("; ", wanted)}";
            string found = other.Holds ? "there is no offending form" : $"these do not offend: {string.Join("; ", Others(other))}. Offending: {Offending(other)}";
            Execute.Assertion.BecauseOf(because, becauseArgs).FailWith($"Expected {Subject} not to be {what}{due}{{reason}}, but under {other.Configuration.Name} {found}. See: {Subject.Command} --theorem {theorem}");
        }

        return new AndConstraint<ClassifiedProcessorAssertions>(this);

        IEnumerable<string> Others(TheoremVerdict verdict) => wanted.Where(name => !verdict.Offending.Any(f => f.Form.IsNamed(name)));
    }

    private static string Offending(TheoremVerdict verdict) => string.Join("; ", verdict.Offending.Select(f => f.Form.Name));
}

/// <summary>Assertions on the class of every form that a name means.</summary>
public sealed class ClassifiedInstructionAssertions(ClassifiedInstruction instruction) : ReferenceTypeAssertions<ClassifiedInstruction, ClassifiedInstructionAssertions>(instruction)
{
    protected override string Identifier => "instruction";

    /// <summary>Every form is control or behavior sensitive and runs in user mode without a trap.</summary>
    /// <param name="finding">What has to be among the findings: <c>mode</c>, <c>control(system)</c>, <c>location(tables)</c>, ...; null: anything.</param>
    /// <param name="configuration">Name of the one configuration that is asked about; null: every one.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<ClassifiedInstructionAssertions> BeSensitive(
        string? finding = null, string? configuration = null, string because = "", params object[] becauseArgs) =>
        Be(FormClass.Sensitive, finding, configuration, because, becauseArgs);

    /// <summary>Every pair of states that was tried traps in user mode only.</summary>
    /// <inheritdoc cref="BeSensitive" path="/param"/>
    public AndConstraint<ClassifiedInstructionAssertions> BePrivileged(
        string? finding = null, string? configuration = null, string because = "", params object[] becauseArgs) =>
        Be(FormClass.Privileged, finding, configuration, because, becauseArgs);

    /// <summary>No state was found that makes a form sensitive, and it does not trap in user mode.</summary>
    /// <inheritdoc cref="BeSensitive" path="/param"/>
    public AndConstraint<ClassifiedInstructionAssertions> BeInnocuous(string? configuration = null, string because = "", params object[] becauseArgs) =>
        Be(FormClass.Innocuous, null, configuration, because, becauseArgs);

    private AndConstraint<ClassifiedInstructionAssertions> Be(FormClass expected, string? finding, string? configuration, string because, object[] becauseArgs)
    {
        if (configuration is not null && !Subject.Processor.Configurations.Any(c => c.Name == configuration))
        {
            throw new ArgumentException(
                $"Expected one of the configurations {string.Join(", ", Subject.Processor.Configurations.Select(c => c.Name))}; found '{configuration}'.", nameof(configuration));
        }

        (FormVerdict Form, ConfigurationVerdict Verdict)[] asked =
            [.. Subject.Forms.SelectMany(f => f.Configurations.Select(c => (f, c))).Where(p => configuration is null || p.c.Configuration.Name == configuration)];
        (FormVerdict Form, ConfigurationVerdict Verdict)[] others =
            [.. asked.Where(p => p.Form.ClassOf(p.Verdict) != expected || (finding is not null && !p.Verdict.Findings.Any(f => f.Name == finding)))];
        if (others.Length > 0)
        {
            string with = finding is null ? "" : $" with {finding}";
            string found = string.Join('\n', others.Select(p => ClassifiedInstruction.Describe(p.Form, p.Verdict)));
            Execute.Assertion.BecauseOf(because, becauseArgs)
                .FailWith($"Expected {Subject} to be {expected.ToString().ToLowerInvariant()}{with}{{reason}}, but found:\n{found}\nSee: {Subject.Processor.Command} --instruction \"{Subject.Name}\" --witness");
        }

        return new AndConstraint<ClassifiedInstructionAssertions>(this);
    }
}

/// <summary>Assertions on a witness that was run again.</summary>
public sealed class ReplayAssertions(Replay replay) : ReferenceTypeAssertions<Replay, ReplayAssertions>(replay)
{
    protected override string Identifier => "witness";

    /// <summary>The runs, or the one run from its start to its end, differ so.</summary>
    /// <param name="value">What differs: <c>eflags.IF</c>, <c>eax</c>, <c>cr3</c>, <c>memory 0C7FC</c>, <c>port 0060</c>.</param>
    /// <param name="first">In the first run, or before.</param>
    /// <param name="second">In the second run, or after.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<ReplayAssertions> Differ(string value, string first, string second, string because = "", params object[] becauseArgs)
    {
        var expected = new Difference(value, first, second);
        string found = Subject.Differences.Count == 0 ? $"no difference: {Endings}" : string.Join("; ", Subject.Differences);
        Check(Subject.Differences.Contains(expected), $"to show {expected}", found, because, becauseArgs);
        return new AndConstraint<ReplayAssertions>(this);
    }

    /// <summary>The runs end so.</summary>
    /// <param name="first"><c>retires</c>, or the fault: <c>#GP(0)</c>.</param>
    /// <param name="second">Of the second run, if there is one.</param>
    /// <param name="because">Why.</param>
    /// <param name="becauseArgs">For the placeholders in it.</param>
    public AndConstraint<ReplayAssertions> EndWith(string first, string? second = null, string because = "", params object[] becauseArgs)
    {
        bool holds = Subject.FirstOutcome.Ending == first && (second is null || Subject.SecondOutcome?.Ending == second);
        Check(holds, $"to end with {first}{(second is null ? "" : $" and {second}")}", Endings, because, becauseArgs);
        return new AndConstraint<ReplayAssertions>(this);
    }

    private string Endings => $"{Subject.First} {Subject.FirstOutcome.Ending}{(Subject.Second is { } second ? $", {second} {Subject.SecondOutcome!.Ending}" : "")}";

    private void Check(bool holds, string expected, string found, string because, object[] becauseArgs)
    {
        if (!holds)
        {
            Execute.Assertion.BecauseOf(because, becauseArgs)
                .FailWith($"Expected {Convert.ToHexString(Subject.Setting.Code)} ({Subject.First}{(Subject.Second is { } second ? $" against {second}" : "")}) {expected}{{reason}}, but found {found}.");
        }
    }
}
