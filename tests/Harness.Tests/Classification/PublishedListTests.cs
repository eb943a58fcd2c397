using FluentAssertions;
using Harness.Machine;
using Harness.Vmm.Classification;
using Iced.Intel;
using NUnit.Framework;

namespace Harness.Tests.Classification;

/// <summary>What experiment finds, against what others have published.</summary>
internal sealed class PublishedListTests
{
    private static IReadOnlyList<FormVerdict> Pentium => Classified.Of("pentium", GuestMode.Protected);

    private static IReadOnlyList<FormVerdict> Yonah => Classified.Of("yonah", GuestMode.Protected);

    /// <summary>
    /// Robin and Irvine, "Analysis of the Intel Pentium's Ability to Support a Secure Virtual Machine Monitor", USENIX Security 2000: 17 by their text, 18 mnemonics
    /// enumerated, as families.
    /// </summary>
    private static readonly Dictionary<string, string[]> RobinIrvine = new(StringComparer.Ordinal)
    {
        ["SGDT"] = ["sgdt"],
        ["SIDT"] = ["sidt"],
        ["SLDT"] = ["sldt"],
        ["SMSW"] = ["smsw"],
        ["PUSHF"] = ["pushf", "pushfd"],
        ["POPF"] = ["popf", "popfd"],
        ["LAR"] = ["lar"],
        ["LSL"] = ["lsl"],
        ["VERR"] = ["verr"],
        ["VERW"] = ["verw"],
        ["POP"] = ["pop"],
        ["PUSH"] = ["push"],
        ["CALL"] = ["call"],
        ["JMP"] = ["jmp"],
        ["INT n"] = ["int"],
        ["RET"] = ["retf"],
        ["STR"] = ["str"],
        ["MOV"] = ["mov"],
    };

    /// <summary>Mnemonics that experiment finds beside the list, and why each belongs to it.</summary>
    private static readonly Dictionary<string, string> Extra = new(StringComparer.Ordinal)
    {
        ["iret"] = "drops IF and IOPL as POPF does, and loads CS; Bugnion et al. (ACM TOCS 30(4), 2012) add it to the list",
        ["iretd"] = "as IRET",
        ["int3"] = "enters a handler through the IDT as INT n does",
        ["into"] = "enters a handler through the IDT as INT n does",
        ["int1"] = "enters a handler through the IDT as INT n does; undocumented in 2000",
        ["lds"] = "loads a segment register, as MOV does",
        ["les"] = "loads a segment register, as MOV does",
        ["lfs"] = "loads a segment register, as MOV does",
        ["lgs"] = "loads a segment register, as MOV does",
        ["lss"] = "loads a segment register, as MOV does",
    };

    [Test]
    public void All_of_robin_and_irvines_families_are_sensitive_and_not_privileged_on_the_pentium()
    {
        foreach ((string family, string[] mnemonics) in RobinIrvine)
        {
            Offending(Pentium).Should().Contain(v => mnemonics.Contains(v.Form.Mnemonic), family);
        }

        RobinIrvine.Should().HaveCount(18);
    }

    [Test]
    public void Whatever_else_is_found_on_the_pentium_is_explained()
    {
        Offending(Pentium).Select(v => v.Form.Mnemonic).Distinct().Except(RobinIrvine.Values.SelectMany(m => m)).Order(StringComparer.Ordinal)
            .Should().Equal(Extra.Keys.Order(StringComparer.Ordinal));
    }

    [Test]
    public void Only_moves_of_segment_registers_offend_among_the_many_forms_of_mov_push_pop_call_and_jmp()
    {
        string[] segments = ["es", "cs", "ss", "ds", "fs", "gs"];
        IEnumerable<FormVerdict> general = Offending(Pentium).Where(v => v.Form.Mnemonic is "mov" or "push" or "pop");
        general.Should().OnlyContain(v => segments.Any(s => v.Form.Name.Contains(s, StringComparison.Ordinal)));
        Offending(Pentium).Where(v => v.Form.Mnemonic is "call" or "jmp").Should().OnlyContain(v => v.Form.Name.Contains(':'));
    }

    /// <summary>SDM Vol. 3A, Table 2-3 and 5.9: the instructions that applications may not execute.</summary>
    [TestCase("lldt"), TestCase("lgdt"), TestCase("ltr"), TestCase("lidt"), TestCase("lmsw"), TestCase("clts"), TestCase("invd"), TestCase("wbinvd")]
    [TestCase("invlpg"), TestCase("hlt"), TestCase("rdmsr"), TestCase("wrmsr")]
    public void The_system_instructions_that_the_manual_protects_are_privileged_under_every_configuration(string mnemonic)
    {
        FormVerdict[] forms = [.. Yonah.Where(v => v.Form.Mnemonic == mnemonic)];
        forms.Should().NotBeEmpty().And.OnlyContain(v => v.Configurations.All(c => c.IsPrivileged));
    }

    [Test]
    public void Moves_to_and_from_control_and_debug_registers_are_privileged()
    {
        FormVerdict[] forms = [.. Yonah.Where(v => v.Form.Mnemonic == "mov" && v.Form.Operands.Any(o => o.System.IsCR() || o.System.IsDR()))];
        forms.Should().HaveCountGreaterThan(20).And.OnlyContain(v => v.Configurations.All(c => c.IsPrivileged));
    }

    /// <summary>SDM Vol. 3A, Table 2-3: protected by CR4.TSD and CR4.PCE only.</summary>
    [TestCase("rdtsc"), TestCase("rdpmc"), TestCase("in"), TestCase("out"), TestCase("insb"), TestCase("outsd")]
    public void What_a_monitor_may_let_trap_is_a_resource_that_is_open_or_privileged(string mnemonic)
    {
        FormVerdict[] forms = [.. Yonah.Where(v => v.Form.Mnemonic == mnemonic && !v.Form.Repeats)];
        forms.Should().NotBeEmpty();
        foreach (FormVerdict form in forms)
        {
            ConfigurationVerdict open = form.Configurations.Single(c => c.Configuration == MonitorConfiguration.Permissive);
            open.IsPrivileged.Should().BeFalse();
            open.IsSensitive().Should().BeFalse();
            open.IsSensitive(resources: true).Should().BeTrue();
            form.Configurations.Single(c => c.Configuration == MonitorConfiguration.Trapping).IsPrivileged.Should().BeTrue();
        }
    }

    /// <summary>SDM Vol. 3C, VMLAUNCH/VMRESUME: VMX non-root operation, with all of the state that the VMCS holds.</summary>
    [TestCase("vmlaunch")]
    [TestCase("vmresume")]
    public void What_enters_a_guest_is_control_sensitive(string mnemonic) => Classified.Some(ModelRegistry.Load("yonah"), GuestMode.Protected, mnemonic).Single()
        .Configurations[0].Findings.Should().Contain(f => f.Kind == Sensitivity.ControlSystem && f.Witness.Difference == new Difference("guest operation", "no", "yes"));

    [Test]
    public void Umip_takes_five_of_the_eighteen_families_away()
    {
        IReadOnlyList<FormVerdict> verdicts = Classified.Some(TestModels.With("pentium", "Umip"), GuestMode.Protected, "sgdt", "sidt", "sldt", "smsw", "str");
        verdicts.Should().NotBeEmpty().And.OnlyContain(v => v.ClassOf(Under(v, "trapping")) == FormClass.Privileged);
        verdicts.Should().OnlyContain(v => v.ClassOf(Under(v, "permissive")) == FormClass.Sensitive, "the guest's monitor may leave CR4.UMIP clear");
        Offending(Pentium).Select(v => v.Form.Mnemonic).Should().Contain(["sgdt", "sidt", "sldt", "smsw", "str"]);
    }

    [Test]
    public void Cpuid_faulting_makes_the_platform_invisible()
    {
        ConfigurationVerdict plain = Under(Pentium.Single(v => v.Form.Name == "cpuid"), "trapping");
        plain.IsPrivileged.Should().BeFalse();
        plain.IsSensitive(resources: true).Should().BeTrue();

        ProcessorModel model = TestModels.Edit("pentium", root =>
        {
            root["features"]!.AsArray().Add("CpuidFaulting");
            root["msrs"]!.AsArray().Add(System.Text.Json.Nodes.JsonNode.Parse("""{ "number": "140", "name": "MISC_FEATURES_ENABLES", "reset": "0", "writable": "1" }"""));
        });
        FormVerdict cpuid = Classified.Some(model, GuestMode.Protected, "cpuid").Single();
        Under(cpuid, "trapping").IsPrivileged.Should().BeTrue();
        Under(cpuid, "permissive").IsPrivileged.Should().BeFalse();
    }

    /// <summary>
    /// What a paravirtualized Linux kernel replaces (arch/x86/include/asm/paravirt_types.h) it replaces because it is privileged, sensitive or slow; each that is an
    /// instruction of this processor must be one of the first two, or a resource.
    /// </summary>
    [TestCase("mov r32, cr0"), TestCase("mov cr0, r32"), TestCase("mov r32, cr2"), TestCase("mov cr2, r32"), TestCase("mov r32, cr3"), TestCase("mov cr3, r32")]
    [TestCase("mov cr4, r32"), TestCase("mov r32, dr7"), TestCase("mov dr7, r32"), TestCase("ltr"), TestCase("lgdt"), TestCase("lidt"), TestCase("lldt"), TestCase("str")]
    [TestCase("wbinvd"), TestCase("cpuid"), TestCase("rdmsr"), TestCase("wrmsr"), TestCase("rdpmc"), TestCase("pushfd"), TestCase("popfd"), TestCase("cli"), TestCase("sti")]
    [TestCase("hlt"), TestCase("invlpg"), TestCase("iretd"), TestCase("out")]
    public void What_linux_replaces_when_it_is_paravirtualized_is_not_innocuous(string name)
    {
        FormVerdict[] forms = [.. Yonah.Where(v => v.Form.Name == name || v.Form.Mnemonic == name)];
        forms.Should().NotBeEmpty();
        forms.Should().OnlyContain(v => v.Configurations[0].IsPrivileged || v.Configurations[0].IsSensitive(true, true));
    }

    /// <summary>A second opinion on what needs CPL 0 whatever the configuration.</summary>
    [Test]
    public void Iced_says_the_same_of_every_form_that_is_privileged_under_every_configuration()
    {
        FormVerdict[] seen = [.. Yonah.Where(v => !v.NothingSeen)];
        seen.Where(v => v.Form.Code.ToOpCode() is { Cpl0: true, Cpl3: false } != Under(v, "permissive").IsPrivileged).Should().BeEmpty();
        seen.Count(v => Under(v, "permissive").IsPrivileged).Should().BeGreaterThan(50);
    }

    [TestCase("pentium", GuestMode.Real), TestCase("pentium", GuestMode.Protected), TestCase("pentium", GuestMode.Virtual8086)]
    [TestCase("yonah", GuestMode.Real), TestCase("yonah", GuestMode.Protected), TestCase("i386", GuestMode.Protected), TestCase("i386", GuestMode.Real)]
    public void No_form_is_undecided_but_one_that_faults_by_definition(string cpu, GuestMode mode)
    {
        IReadOnlyList<FormVerdict> verdicts = Classified.Of(cpu, mode);

        // SDM Vol. 2B, SYSEXIT: #GP(0) in real-address mode and in virtual-8086 mode, always.
        string[] expected = cpu == "yonah" && mode == GuestMode.Real ? ["sysexit: GP"] : [];
        verdicts.Where(v => v.ClassOf(v.Configurations[0]) == FormClass.Undecided).Select(v => $"{v.Form}: {string.Join(' ', v.Faults)}").Should().Equal(expected);
    }

    /// <summary>UD0, UD1 and UD2 are defined to be undefined; VMFUNC came with later generations of VT-x, though the decoder counts it to the first.</summary>
    [Test]
    public void Forms_that_are_absent_raise_the_invalid_opcode_exception_by_definition()
    {
        Yonah.Where(v => v.ClassOf(v.Configurations[0]) == FormClass.Absent).Select(v => v.Form.Mnemonic).Distinct()
            .Should().BeEquivalentTo("ud0", "ud1", "ud2", "vmfunc");
    }

    private static ConfigurationVerdict Under(FormVerdict verdict, string configuration) => verdict.Configurations.Single(c => c.Configuration.Name == configuration);

    private static IReadOnlyList<FormVerdict> Offending(IReadOnlyList<FormVerdict> verdicts) =>
        Theorems.One(verdicts, GuestMode.Protected, MonitorConfiguration.Trapping).Offending;
}
