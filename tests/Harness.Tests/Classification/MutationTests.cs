using FluentAssertions;
using Harness.Isa.Instructions;
using Harness.Isa;
using Harness.Machine;
using Harness.Vmm.Classification;
using Iced.Intel;
using NUnit.Framework;

namespace Harness.Tests.Classification;

/// <summary>A processor that differs in one thing is classified differently in that thing and in nothing else.</summary>
internal sealed class MutationTests
{
    /// <summary>Enough for every form of the pentium to be decided, and little enough to classify it five times.</summary>
    private const int Settings = 32;

    private static readonly Lazy<IReadOnlyList<FormVerdict>> Original = new(() => ClassifyAll(ModelRegistry.Load("pentium")));

    [Test]
    public void Popf_that_traps_above_iopl_becomes_privileged_where_iopl_is_0_and_nothing_else_changes()
    {
        ProcessorModel model = ModelRegistry.Load("pentium");
        model.Add(new Extension(typeof(TrappingPopf)));

        Changed(model, out IReadOnlyList<FormVerdict> verdicts).Should().Equal("popf", "popfd");
        Of(verdicts, "popfd", "trapping").IsPrivileged.Should().BeTrue();
        Of(verdicts, "popfd", "permissive").IsPrivileged.Should().BeFalse("at IOPL 3 it does not trap");
    }

    [Test]
    public void Sgdt_that_is_privileged_is_found_to_be_and_nothing_else_changes()
    {
        ProcessorModel model = ModelRegistry.Load("pentium").WithPrivileged(i => i.Mnemonic == Mnemonic.Sgdt);

        Changed(model, out IReadOnlyList<FormVerdict> verdicts).Should().OnlyContain(n => n.StartsWith("sgdt ")).And.HaveCount(2);
        verdicts.Where(v => v.Form.Mnemonic == "sgdt").Should().OnlyContain(v => v.Configurations.All(c => c.IsPrivileged));
    }

    [Test]
    public void Mov_to_cr3_that_is_not_privileged_is_found_to_be_sensitive_and_nothing_else_changes()
    {
        ProcessorModel model = ModelRegistry.Load("pentium");
        model.Add(new Extension(typeof(FreeMovCr3)));

        Changed(model, out IReadOnlyList<FormVerdict> verdicts).Should().Equal("mov cr3, r32");
        ConfigurationVerdict found = Of(verdicts, "mov cr3, r32", "trapping");
        found.IsPrivileged.Should().BeFalse();
        found.Findings.Should().Contain(f => f.Kind == Sensitivity.ControlSystem && f.Side == Side.User && f.Witness.Difference.What == "cr3");
    }

    [Test]
    public void When_every_offending_form_traps_theorem_1_holds_and_each_form_that_does_not_trap_refutes_it()
    {
        ProcessorModel pentium = ModelRegistry.Load("pentium");
        InstructionForm[] offending = [.. Theorem(Original.Value).Offending.Select(v => v.Form)];
        ProcessorModel repaired = pentium.WithPrivileged(i => offending.Any(f => f.Matches(i)));
        Theorem(ClassifyAll(repaired)).Offending.Should().BeEmpty();
        offending.Should().HaveCountGreaterThan(90);

        // What does not offend is the same instruction in all these models: only the offending forms have to be classified again.
        foreach (InstructionForm free in offending)
        {
            ProcessorModel model = pentium.WithPrivileged(i => offending.Any(f => f != free && f.Matches(i)));
            using var classifier = new Classifier(model);
            FormVerdict[] verdicts = [.. offending.Select(f => classifier.Classify(f, GuestMode.Protected, f == free ? Settings : 2))];
            Theorem(verdicts).Offending.Select(v => v.Form.Name).Should().Equal(free.Name);
        }
    }

    private static TheoremVerdict Theorem(IReadOnlyList<FormVerdict> verdicts) => Theorems.One(verdicts, GuestMode.Protected, MonitorConfiguration.Trapping);

    private static IReadOnlyList<FormVerdict> ClassifyAll(ProcessorModel model)
    {
        using var classifier = new Classifier(model);
        return [.. FormCatalog.Of(model, GuestMode.Protected).Select(f => classifier.Classify(f, GuestMode.Protected, Settings))];
    }

    private static ConfigurationVerdict Of(IReadOnlyList<FormVerdict> verdicts, string form, string configuration) =>
        verdicts.Single(v => v.Form.Name == form).Configurations.Single(c => c.Configuration.Name == configuration);

    /// <summary>Names of the forms about which anything that a verdict says is different.</summary>
    private static IEnumerable<string> Changed(ProcessorModel model, out IReadOnlyList<FormVerdict> verdicts)
    {
        verdicts = ClassifyAll(model);
        verdicts.Should().HaveSameCount(Original.Value);
        return verdicts.Zip(Original.Value).Where(p => Text(p.First) != Text(p.Second)).Select(p => p.First.Form.Name);

        static string Text(FormVerdict v) => string.Join('\n', v.Configurations.Select(
            c => $"{v.ClassOf(c)} {c.Trapped}/{c.Pairs} {string.Join(' ', c.Findings.Select(f => $"{f.Name} {f.Side} {f.Witness.Difference}"))}"));
    }

    private sealed class Extension(Type row) : IProcessorExtension
    {
        public IEnumerable<Type> Rows => [row];

        public void Attach(Processor processor)
        {
        }
    }

    [Encodings(Code.Popfw, Code.Popfd)]
    private readonly struct TrappingPopf : IMachineInstruction
    {
        public static bool Execute(Processor processor, in Instruction instruction)
        {
            MachinePort port = processor.Port;
            int iopl = (int)((port.Flags & Eflags.IOPL) >> Eflags.IoplShift);
            return port.Cpl > iopl ? port.Fault(Vector.GP)
                : instruction.Code == Code.Popfw ? Popf.Execute(ref port, in instruction) : Popfd.Execute(ref port, in instruction);
        }
    }

    [Encodings(Code.Mov_cr_r32)]
    private readonly struct FreeMovCr3 : IMachineInstruction
    {
        public static bool Execute(Processor processor, in Instruction instruction)
        {
            MachinePort port = processor.Port;
            return port.Cpl != 0 && instruction.Op0Register != Register.CR3 ? port.Fault(Vector.GP) : MovControl.Execute(ref port, in instruction);
        }
    }
}
