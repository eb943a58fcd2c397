using FluentAssertions;
using Harness.NativeOracle;
using Harness.NativeOracle.Native;
using NUnit.Framework;

namespace Harness.Tests.NativeOracle;

/// <summary>The judge itself, by cases whose answers follow from the manual.</summary>
[TestFixture]
public sealed class NativeProcessorTests
{
    private const int Eax = 0;
    private const int Ecx = 1;
    private const int Ebx = 3;
    private const int Esp = 4;
    private const int Esi = 6;
    private const int Edi = 7;
    private const int Es = 0;
    private const int Cs = 1;
    private const int Ss = 2;
    private const int Ds = 3;
    private const int Fs = 4;
    private const uint Data = World.Window + World.Data;

    private delegate void Setup(ref RegisterState state);

    [Test]
    public void A_base_and_a_limit_of_the_ldt_hold_for_fs()
    {
        using NativeProcessor processor = Open();
        MemoryBytes value = new(Data + 0x10, [0x78, 0x56, 0x34, 0x12]);
        Case read = Make("64A110100000", (ref RegisterState s) => s.Segments[Fs] = World.Selector(0), value);
        processor.Run(read).After.Gpr[Eax].Should().Be(0x12345678);

        Case beyond = Make("64A1FD170000", (ref RegisterState s) => s.Segments[Fs] = World.Selector(7));
        processor.Run(beyond).Fault.Should().Be(new Fault(13, 0, 0));
        Case last = Make("64A1FC170000", (ref RegisterState s) => s.Segments[Fs] = World.Selector(7));
        processor.Run(last).Fault.Should().BeNull();
    }

    [Test]
    public void Page_faults_tell_their_address_and_error_code()
    {
        using NativeProcessor processor = Open();
        processor.Run(Make("A300000000", NoSetup)).Fault.Should().Be(new Fault(14, 6, 0));
        Case readOnly = Make("8903", (ref RegisterState s) => s.Gpr[Ebx] = World.Window + World.ReadOnly - 2);
        CaseResult result = processor.Run(readOnly);
        result.Fault.Should().Be(new Fault(14, 7, World.Window + World.ReadOnly));
        result.Changes.Should().BeEmpty("a write across two pages leaves no trace when it faults");
        Case fetch = Make("B801020304", (ref RegisterState s) => s.Eip = World.CodeBase + 0xFFE);
        processor.Run(fetch).Fault.Should().Be(new Fault(14, 4, World.CodeBase + 0x1000));
        Case stack = Make("50", (ref RegisterState s) => s.Gpr[Esp] = World.Window + World.Stack);
        processor.Run(stack).Fault.Should().Be(new Fault(14, 6, World.Window + World.Stack - 4));
    }

    [Test]
    public void Other_faults_have_their_vectors_and_error_codes()
    {
        using NativeProcessor processor = Open();
        processor.Run(Make("F7F3", (ref RegisterState s) => s.Gpr[Ebx] = 0)).Fault.Should().Be(new Fault(0, 0, 0));
        processor.Run(Make("FA", NoSetup)).Fault.Should().Be(new Fault(13, 0, 0));
        processor.Run(Make("CD21", NoSetup)).Fault.Should().Be(new Fault(13, 0x10A, 0));
        processor.Run(Make("F090", NoSetup)).Fault.Should().Be(new Fault(6, 0, 0));
        processor.Run(Make("8ED8", (ref RegisterState s) => s.Gpr[Eax] = World.Selector(8))).Fault.Should().Be(new Fault(11, 0x44, 0));
        Case unaligned = Make("8B03", (ref RegisterState s) => (s.Gpr[Ebx], s.Eflags) = (Data + 1, 0x40202));
        processor.Run(unaligned).Fault.Should().Be(new Fault(17, 0, 0));
        Case stackLimit = Make("50", (ref RegisterState s) => (s.Segments[Ss], s.Gpr[Esp]) = (World.Selector(7), 0x1802));
        processor.Run(stackLimit).Fault.Should().Be(new Fault(12, 0, 0));
    }

    [Test]
    public void Traps_report_the_next_instruction()
    {
        using NativeProcessor processor = Open();
        CaseResult breakpoint = processor.Run(Make("CC", NoSetup));
        breakpoint.Fault.Should().Be(new Fault(3, 0, 0));
        breakpoint.After.Eip.Should().Be(World.CodeBase + 0x101);
        CaseResult overflow = processor.Run(Make("CE", (ref RegisterState s) => s.Eflags |= 0x800));
        overflow.Fault.Should().Be(new Fault(4, 0, 0));
        overflow.After.Eip.Should().Be(World.CodeBase + 0x101);
    }

    [Test]
    public void A_repeated_instruction_runs_to_its_end()
    {
        using NativeProcessor processor = Open();
        Case move = Make("F3A4", (ref RegisterState s) => (s.Gpr[Ecx], s.Gpr[Esi], s.Gpr[Edi]) = (5, Data, Data + 0x1800), new MemoryBytes(Data, [1, 2, 3, 4, 5]));
        CaseResult result = processor.Run(move);
        result.After.Gpr[Ecx].Should().Be(0);
        result.After.Gpr[Edi].Should().Be(Data + 0x1805);
        result.Changes.SelectMany(c => c.Bytes).Should().StartWith([1]).And.HaveCountLessThanOrEqualTo(5);
    }

    [Test]
    public void Sixteen_bit_code_and_stacks_wrap_at_64_kib()
    {
        using NativeProcessor processor = Open();
        Case push = Make("50", (ref RegisterState s) =>
        {
            s.Segments[Cs] = World.Selector(2);
            s.Segments[Ss] = World.Selector(0);
            s.Eip = 0x100;
            s.Gpr[Esp] = 0xABCD0000;
            s.Gpr[Eax] = 0x5A5A;
        });
        CaseResult result = processor.Run(push);
        result.After.Gpr[Esp].Should().Be(0xABCDFFFE);
        result.After.Eip.Should().Be(0x101);
        result.Changes.Should().ContainSingle().Which.Address.Should().Be(World.Window + 0xFFFE);
    }

    [Test]
    public void Flags_are_seen_without_the_debuggers_own()
    {
        using NativeProcessor processor = Open();
        CaseResult result = processor.Run(Make("9C", (ref RegisterState s) => s.Eflags = 0x8D7 | 0x200));
        uint image = 0;
        uint top = result.After.Gpr[Esp];
        for (uint i = 0; i < 4; i++)
        {
            byte before = World.Background(top + i);
            MemoryBytes change = result.Changes.FirstOrDefault(c => top + i - c.Address < (uint)(c.Bytes?.Length ?? 0));
            image |= (uint)(change.Bytes is null ? before : change.Bytes[top + i - change.Address]) << (8 * (int)i);
        }

        image.Should().Be(0xAD7);
    }

    [Test]
    public void The_processor_agrees_with_itself_and_both_outcomes_are_frequent()
    {
        using NativeProcessor processor = Open();
        using NativeProcessor second = Open();
        CampaignSummary summary = Campaign.Run(processor, second, 20_000, 11);
        summary.MismatchCount.Should().Be(0, summary.ToString());
        summary.Forms.Should().OnlyContain(f => f.Cases >= 31);
        (summary.Faulting * 20).Should().BeGreaterThan(summary.Cases);
        ((summary.Cases - summary.Faulting) * 20).Should().BeGreaterThan(summary.Cases);
    }

    [Test]
    public void A_wrong_machine_is_found_with_text_to_repeat_the_case()
    {
        using NativeProcessor processor = Open();
        using NativeProcessor second = Open();
        CampaignSummary summary = Campaign.Run(processor, new CarryIgnored(second), 2_000, 2);
        summary.MismatchCount.Should().BeGreaterThan(50);
        summary.Mismatches[0].Should().Contain("differing CF").And.Contain("of seed 2, form").And.Contain("EFLAGS=");
    }

    [Test]
    public void The_processor_that_gave_the_recorded_answers_gives_them_again()
    {
        using NativeProcessor processor = Open();
        RecordedAnswers recorded = RecordedAnswers.Read(Path.Combine(AppContext.BaseDirectory, "fixtures", "ring3.txt"));
        CampaignSummary summary = Campaign.Run(recorded, processor);
        if (recorded.Processor != processor.Name && summary.MismatchCount > 0)
        {
            Assert.Ignore($"recorded on {recorded.Processor}; this is {processor.Name}, which differs in {summary.MismatchCount} answers");
        }

        summary.MismatchCount.Should().Be(0, summary.ToString());
    }

    private static NativeProcessor Open()
    {
        if (!NativeProcessor.TryOpen(out NativeProcessor? processor, out string reason))
        {
            Assert.Ignore(reason);
        }

        return processor!;
    }

    private static void NoSetup(ref RegisterState state)
    {
    }

    private static Case Make(string code, Setup setup, params MemoryBytes[] memory)
    {
        RegisterState state = default;
        state.Segments[Cs] = World.FlatCode;
        state.Segments[Ss] = World.FlatData;
        state.Segments[Ds] = World.FlatData;
        state.Segments[Es] = World.FlatData;
        state.Eip = World.CodeBase + 0x100;
        state.Eflags = 0x202;
        state.Gpr[Esp] = World.Window + World.Stack + 0x1000;
        setup(ref state);
        return new Case(0, 0, "by hand", state, Convert.FromHexString(code), memory);
    }

    /// <summary>A processor whose carry flag is always clear.</summary>
    private sealed class CarryIgnored(ICaseRunner inner) : ICaseRunner
    {
        public string Name => "a machine without carry";

        public CaseResult Run(Case test)
        {
            CaseResult result = inner.Run(test);
            RegisterState after = result.After;
            after.Eflags &= ~1u;
            return result with { After = after };
        }
    }
}
