using Harness.Records;
using Harness.Vmm.Classification;

namespace Harness.Scenarios;

/// <summary>What experiment says of a processor's instruction forms in one mode.</summary>
public sealed class ClassifiedProcessor
{
    private readonly ScenarioContext _scenario;

    internal ClassifiedProcessor(ScenarioContext scenario, string cpu, GuestMode mode)
    {
        _scenario = scenario;
        Cpu = cpu;
        Mode = mode;
        Configurations = MonitorConfiguration.Of(scenario.Host.LoadModel(cpu));
    }

    /// <summary>The processor model, as the scenario named it.</summary>
    public string Cpu { get; }

    /// <summary>The guest's mode.</summary>
    public GuestMode Mode { get; }

    /// <summary>What verdicts are relative to, the most permissive first.</summary>
    public IReadOnlyList<MonitorConfiguration> Configurations { get; }

    /// <summary>The verdicts on every form, in the decoder's order. The first use in a run of the harness classifies, which takes seconds.</summary>
    public IReadOnlyList<FormVerdict> Forms => _scenario.Host.Classify(Cpu, Mode, _ => true);

    /// <summary>The command that shows more of what an assertion looked at.</summary>
    internal string Command => $"harness classify --cpu {_scenario.Host.CpuOption(Cpu)} --mode {SituationNames.Of(Mode)}";

    /// <summary>Decides a theorem under every configuration, and puts the verdicts into the snapshot.</summary>
    /// <param name="number">1, 2 or 3.</param>
    /// <param name="segments">Loads of segment registers count as control sensitive.</param>
    public IReadOnlyList<TheoremVerdict> Theorem(int number, bool segments = true)
    {
        IReadOnlyList<FormVerdict> forms = Forms;
        TheoremVerdict[] verdicts = [.. Configurations.Select(c => Theorems.Evaluate(number, forms, Mode, c, segments))];
        string name = string.Create(CultureInfo.InvariantCulture, $"theorem {number} on {this}{(segments ? "" : ", without loads of segment registers")}");
        _scenario.Host.Add(new SnapshotFact(name, [.. verdicts.Select(Describe)]));
        return verdicts;
    }

    /// <summary>The forms of an instruction, and puts their classes into the snapshot.</summary>
    /// <param name="instruction">A mnemonic, or the whole name of a form: <c>mov cr3, r32</c>.</param>
    /// <exception cref="ArgumentException">The model has no such form; the message names the nearest.</exception>
    public ClassifiedInstruction Classify(string instruction)
    {
        Given.NotNull(instruction, "a mnemonic or the name of a form");
        IReadOnlyList<FormVerdict> forms = _scenario.Host.Classify(Cpu, Mode, form => form.IsNamed(instruction));
        if (forms.Count == 0)
        {
            ExpectForms([instruction], nameof(instruction));
        }

        var found = new ClassifiedInstruction(this, instruction, forms);
        _scenario.Host.Add(new SnapshotFact($"{instruction} on {this}", [.. forms.SelectMany(f => f.Configurations.Select(c => ClassifiedInstruction.Describe(f, c)))]));
        return found;
    }

    /// <summary>Refuses a name that no form of the model has.</summary>
    /// <param name="names">Mnemonics and names of forms.</param>
    /// <param name="parameter">Where the scenario gave them.</param>
    /// <exception cref="ArgumentException">The model has no form of a name; the message gives the nearest.</exception>
    internal void ExpectForms(IReadOnlyList<string> names, string parameter)
    {
        IReadOnlyList<InstructionForm> known = names.Count == 0 ? [] : FormCatalog.Of(_scenario.Host.LoadModel(Cpu), Mode);
        foreach (string name in names)
        {
            Given.NotNull(name, "a mnemonic or the name of a form", parameter);
            if (!known.Any(form => form.IsNamed(name)))
            {
                throw new ArgumentException($"{Cpu} has no form '{name}'; near it are {string.Join("; ", FormCatalog.Nearest(known, name, 6))}.", parameter);
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Cpu}, {SituationNames.Of(Mode)} mode";

    // Mnemonics with the number of their forms: short enough to be read, and one form more or less still shows.
    private static string Describe(TheoremVerdict verdict) => verdict.Holds
        ? $"{verdict.Configuration.Name}: not refuted"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{verdict.Configuration.Name}: refuted by {verdict.Offending.Count}: {string.Join(", ", verdict.Offending.GroupBy(f => f.Form.Mnemonic).Select(g => $"{g.Key} {g.Count()}"))}");
}

/// <summary>The verdicts on the forms that one name means.</summary>
public sealed class ClassifiedInstruction
{
    internal ClassifiedInstruction(ClassifiedProcessor processor, string name, IReadOnlyList<FormVerdict> forms)
    {
        Processor = processor;
        Name = name;
        Forms = forms;
    }

    /// <summary>The processor.</summary>
    public ClassifiedProcessor Processor { get; }

    /// <summary>As the scenario spelt it.</summary>
    public string Name { get; }

    /// <summary>In the decoder's order, at least one.</summary>
    public IReadOnlyList<FormVerdict> Forms { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} on {Processor}";

    /// <summary><c>popfd, trapping: sensitive: mode, location(interrupt flag)</c>.</summary>
    internal static string Describe(FormVerdict form, ConfigurationVerdict verdict)
    {
        string found = string.Join(", ", verdict.Findings.Select(f => f.Name).Distinct(StringComparer.Ordinal));
        return $"{form.Form.Name}, {verdict.Configuration.Name}: {form.ClassOf(verdict).ToString().ToLowerInvariant()}{(found.Length == 0 ? "" : ": " + found)}";
    }
}
