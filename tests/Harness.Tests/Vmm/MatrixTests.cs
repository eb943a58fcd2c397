using FluentAssertions;
using Harness.Records;
using Harness.Running;
using Harness.Vmm;
using Harness.Vmm.Classification;
using NUnit.Framework;

namespace Harness.Tests.Vmm;

/// <summary>The virtualization matrix: forms from the classification, cells from runs.</summary>
public sealed class MatrixTests
{
    private static readonly string[] Families =
        ["popf", "sgdt", "mov cr", "cpuid", "verr", "lsl", "int", "in", "lgdt", "rdpmc", "vmcall", "add", "pop sreg", "iret", "jmp far"];

    private static readonly Lazy<IReadOnlyList<MatrixRecord>> Rows = new(() => RowsOf(GuestMode.Protected, Side.Supervisor, Families));

    [TestCase("popfd", "trap013", "direct, wrong: eflags.IF *")]
    [TestCase("popfd", "vtx", "direct")]
    [TestCase("popfd", "interpret", "emulated")]
    [TestCase("sgdt m (o32 0F 01 /0)", "trap013", "direct, wrong: [[]*")]
    [TestCase("sgdt m (o32 0F 01 /0)", "vtx", "direct")]
    [TestCase("mov cr3, r32", "trap013", "trap #GP")]
    [TestCase("mov cr3, r32", "vtx", "exit control-register access")]
    [TestCase("cpuid", "trap013", "direct")]
    [TestCase("cpuid", "vtx", "exit CPUID")]
    [TestCase("verr r16", "trap013", "direct, wrong: eflags.ZF *")]
    [TestCase("lsl r32, r32", "trap013", "direct, wrong: *")]
    [TestCase("int imm8", "trap013", "trap #GP")]
    [TestCase("in al, dx", "vtx", "exit I/O instruction")]
    [TestCase("lgdt m16&32 (o32 0F 01 /2)", "vtx", "direct")]
    [TestCase("rdpmc", "trap013", "direct")]
    [TestCase("vmcall", "vtx", "not applicable: *")]
    [TestCase("pop ds (o32 1F)", "trap013", "direct, wrong: #GP *")]
    [TestCase("pop ss (o16 17)", "trap013", "direct, wrong: #GP *")]
    [TestCase("pop ss (o16 17)", "trap033", "direct, wrong: #GP *")]
    [TestCase("iret", "trap013", "direct, wrong: #GP *")]
    [TestCase("iretd", "trap033", "direct, wrong: #GP *")]
    [TestCase("jmp m16:16", "trap013", "direct, wrong: #GP *")]
    [TestCase("jmp m16:16", "vtx", "exit task switch")]
    public void ShouldSayWhatBecomesOfAForm(string form, string engine, string expected)
    {
        MatrixRecord row = Rows.Value.Single(r => r.Form == form);

        MatrixText.Of(row.Cells.Single(c => c.Engine == engine)).Should().MatchEquivalentOf(expected.Replace("[[]", "[", StringComparison.Ordinal));
    }

    /// <summary>SDM Vol. 2A, IRET: at CPL 3 IF changes if IOPL is 3, which it is for the guest and not for the processor. Vol. 3B, 20.2: virtual-8086 mode keeps IOPL.</summary>
    [TestCase(GuestMode.Protected, Side.User, "hybrid", "direct, wrong: eflags.IF *")]
    [TestCase(GuestMode.Protected, Side.User, "trap013", "direct, wrong: eflags.IF *")]
    [TestCase(GuestMode.Real, Side.Supervisor, "vtx", "direct, wrong: eflags.IOPL *")]
    public void FormsOfAnInstructionFareAlike(GuestMode mode, Side side, string engine, string expected)
    {
        IReadOnlyList<MatrixRecord> rows = RowsOf(mode, side, "iret", "popf");

        rows.Should().HaveCount(4).And.OnlyContain(r => r.Family == "iret" || r.Family == "popf");
        foreach (MatrixRecord row in rows)
        {
            MatrixText.Of(row.Cells.Single(c => c.Engine == engine)).Should().Match(expected, row.Form);
        }
    }

    [Test]
    public void ShouldLackNoCell()
    {
        Rows.Value.Should().OnlyContain(r => r.Cells.Count == EngineRegistry.All.Count - 1 && r.Classes.Count > 0);
        Rows.Value.SelectMany(r => r.Cells).Should().OnlyContain(c => c.Outcome != "not applicable" || c.Reason!.Length > 0);
        Rows.Value.Where(r => r.Cells.Any(c => c.Outcome != "not applicable")).Should().OnlyContain(r => r.Setting != null);
    }

    [Test]
    public void ShouldHaveOneInnocuousFormOfAGroup() =>
        Rows.Value.Where(r => r.Group == "binary-arithmetic").Should().ContainSingle().Which.Classes.Should().OnlyContain(c => c.Class == "innocuous");

    [Test]
    public void ShouldFindNoEngineWrongThatHasNoReasonToBe() =>
        Rows.Value.SelectMany(r => r.Cells).Where(c => c.Engine is "interpret" or "vtx").Should().OnlyContain(c => c.Wrong == null);

    [TestCase("i386")]
    [TestCase("pentium")]
    [TestCase("yonah")]
    public void EveryFormHasAGroupAndAFamily(string cpu)
    {
        foreach (GuestMode mode in (GuestMode[])[GuestMode.Real, GuestMode.Protected])
        {
            FormCatalog.Of(ModelRegistry.Load(cpu), mode).Should().OnlyContain(f => FormGroup.Names.Contains(FormGroup.Of(f)) && FormGroup.FamilyOf(f).Length > 0);
        }
    }

    [TestCase(GuestMode.Protected, Side.Supervisor)]
    [TestCase(GuestMode.Protected, Side.User)]
    [TestCase(GuestMode.Real, Side.Supervisor)]
    public void TheGuestDoesWhatTheLaboratoryDoes(GuestMode mode, Side side)
    {
        // add eax, [100h]; the operand and every register come from the setting.
        const string add = "eax=5 ecx=1 edx=2 ebx=3 esp=800 ebp=4 esi=6 edi=7 flags=8D5 @10100=78560000";
        var setting = Setting.Parse((mode == GuestMode.Protected ? "code=030500010000 " : "code=6603060001 ") + add);
        var model = ModelRegistry.Load("yonah");

        Harness.Machine.GuestImage guest = FormGuest.Build(model, setting, new Situation(mode, side, MonitorConfiguration.Permissive, Axis.None));
        EngineRun run = GuestRunner.Run(new RunRequest { Engine = EngineRegistry.Bare, Model = model, Guest = guest, Costs = CostProfile.Load("pentium4-2005") });

        run.End.Should().Be(GuestEnd.Done);
        uint[] registers = [run.Final.Eax, run.Final.Ecx, run.Final.Edx, run.Final.Ebx, run.Final.Esp, run.Final.Ebp, run.Final.Esi, run.Final.Edi];
        registers.Should().Equal(0x567Du, 1u, 2u, 3u, 0x800u, 4u, 6u, 7u);
    }

    [Test]
    public void NoGuestStartsInVirtual8086Mode()
    {
        var situation = new Situation(GuestMode.Real, Side.User, MonitorConfiguration.Permissive, Axis.None);

        FluentActions.Invoking(() => FormGuest.Build(ModelRegistry.Load("yonah"), Setting.Parse("code=90"), situation)).Should().Throw<ArgumentException>();
    }

    private static IReadOnlyList<MatrixRecord> RowsOf(GuestMode mode, Side side, params string[] families) => MatrixRunner.Run(
        ModelRegistry.Load("yonah"), mode, side, EngineRegistry.All, f => families.Contains(FormGroup.FamilyOf(f)), new InlineExecutor());
}
