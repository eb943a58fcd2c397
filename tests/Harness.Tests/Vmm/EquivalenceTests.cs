using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Vmm;

[TestFixture]
internal sealed class EquivalenceTests
{
    private const uint Planted = 0x80000;

    [TestCase(2L)]
    [TestCase(1000L)]
    [TestCase(300_001L)]
    public void A_changed_register_is_named_at_its_tick(long tick)
    {
        EquivalenceVerdict verdict = Compare(new LyingEngine(tick, c => c.Emulator.Gpr(7) ^= 1), TestGuests.Loop);

        verdict.Holds.Should().BeFalse();
        verdict.FirstDivergence!.Value.Should().Be("edi");
        verdict.FirstDivergence.Tick.Should().Be(tick + 1);
        (verdict.FirstDivergence.Bare, verdict.FirstDivergence.Found).Should().Be((0, 1));
        verdict.FirstControlFlow.Should().BeNull();
        verdict.MetAgain.Should().BeFalse();
    }

    [Test]
    public void States_that_meet_again_have_differed_nevertheless()
    {
        // ESI is loaded by the second instruction: what it was before, nobody asks.
        EquivalenceVerdict verdict = Compare(new LyingEngine(1, c => c.Emulator.Gpr(6) = 9), Guest.Protected32(a =>
        {
            a.nop();
            a.nop();
            a.mov(esi, 4);
            a.Done();
        }));

        verdict.FirstDivergence!.Value.Should().Be("esi");
        verdict.FirstDivergence.Tick.Should().Be(2);
        verdict.MetAgain.Should().BeTrue();
    }

    [Test]
    public void A_skipped_instruction_is_named_with_the_first_other_flow()
    {
        // Tick 2 + 4n is the start of a turn; ADD has two bytes.
        EquivalenceVerdict verdict = Compare(new LyingEngine(2 + 4 * 500, c => c.Emulator.Eip += 2), TestGuests.Loop);

        verdict.FirstDivergence!.Tick.Should().Be(2 + 4 * 500 + 1);
        verdict.FirstDivergence.At.Should().Be("sum");
        verdict.FirstDivergence.Instruction.Should().Be("add ebx, ecx");
        verdict.FirstDivergence.Value.Should().Be("ebx");
        verdict.FirstControlFlow!.Value.Should().Be("instruction");
        verdict.FirstControlFlow.Tick.Should().Be(verdict.FirstDivergence.Tick);
        (verdict.FirstControlFlow.Found - verdict.FirstControlFlow.Bare).Should().Be(2);
    }

    [Test]
    public void A_fault_that_one_engine_lacks_is_the_answer()
    {
        GuestImage guest = TestGuests.Faults;
        EngineRun bare = Requests.Run(new BareEngine(), guest);
        long fault = bare.MachineEvents.All[0].Tick;
        EquivalenceVerdict verdict = Equivalence.Compare(bare, Requests.Run(new LyingEngine(fault, c => c.Emulator.Eip += 2), guest));

        verdict.FirstDivergence!.Value.Should().Be("#UD");
        verdict.FirstDivergence.Address.Should().Be(bare.MachineEvents.All[0].Address);
        (verdict.FirstDivergence.Bare, verdict.FirstDivergence.Found).Should().Be((1, 0));
    }

    [Test]
    public void Memory_changed_behind_the_guest_is_found_at_the_end()
    {
        EquivalenceVerdict verdict = Compare(
            new LyingEngine(10, c => c.Machine.GuestPhysical.Write(new PhysicalAddress(0x90001), [7])), TestGuests.Loop);
        verdict.FirstDivergence!.Value.Should().Be("[00090001]");
        verdict.FirstDivergence.At.Should().Be("end");
        (verdict.FirstDivergence.Bare, verdict.FirstDivergence.Found).Should().Be((0, 7));
    }

    [Test]
    public void A_port_access_is_compared()
    {
        EquivalenceVerdict verdict = Compare(new LyingEngine(1, c => c.Emulator.Gpr(2) = 0x3F9), Guest.Protected32(a =>
        {
            a.mov(dx, 0x3F8);
            a.@out(dx, al);
            a.Done();
        }));
        verdict.FirstDivergence!.Value.Should().Be("edx");
    }

    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void Direct_execution_is_equivalent_where_nothing_sensitive_is_hidden(GuestImage guest)
    {
        EngineRun direct = Requests.Run(new DirectEngine(), guest);
        EquivalenceVerdict verdict = Equivalence.Compare(Requests.Run(new BareEngine(), guest), direct);
        verdict.FirstDivergence.Should().BeNull();
        direct.ResourceControl!.Should().Be(new ResourceControl(true, ""));
    }

    [TestCaseSource(nameof(TranslatedRegisters))]
    public void What_the_inverse_map_translates_diverges_when_the_guest_stores_it(string name, Action<GuestAssembler> plant)
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            a.mov(edi, Planted);
            a.Mark("plant");
            plant(a);
            a.MarkEnd("plant");
            a.Done();
        });

        EquivalenceVerdict verdict = Compare(new DirectEngine(), guest);

        verdict.FirstDivergence.Should().NotBeNull(name);
        verdict.FirstDivergence!.At.Should().StartWith("plant");
    }

    [Test]
    public void An_inverse_map_that_changes_a_general_register_is_a_defect()
    {
        var engine = new DirectEngine { Lie = r => r with { Ebx = r.Ebx + 1 } };
        engine.Invoking(e => Requests.Run(e, TestGuests.Loop)).Should().Throw<InvalidOperationException>().WithMessage("*ebx*tick 1*");
    }

    [Test]
    public void A_wrong_inverse_map_is_named_at_its_tick()
    {
        EquivalenceVerdict verdict = Compare(
            new DirectEngine { Lie = r => r.Ecx == 99_990 ? r with { SystemFlags = r.SystemFlags ^ Eflags.IF } : r }, TestGuests.Loop);
        verdict.FirstDivergence!.Value.Should().Be("eflags.IF");
        verdict.FirstDivergence.Tick.Should().Be(2 + 4 * 9 + 3);
        verdict.FirstDivergence.Instruction.Should().Be("dec ecx");
    }

    [Test]
    public void A_store_to_the_monitors_memory_breaks_resource_control()
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            a.mov(eax, unchecked((int)0xFFC05000));
            a.mov(__dword_ptr[eax], 1);
            a.Done();
        });

        EngineRun run = Requests.Run(new DirectEngine { LeavesDoorOpen = true }, guest);

        run.ResourceControl!.Holds.Should().BeFalse();
        run.ResourceControl.Detail.Should().Contain("host memory 00005000").And.Contain("tick 2");
    }

    private static IEnumerable<TestCaseData> TranslatedRegisters()
    {
        yield return Plant("cs", a => a.mov(__word_ptr[edi], cs));
        yield return Plant("ss", a => a.mov(__word_ptr[edi], ss));
        yield return Plant("ds", a => a.mov(__word_ptr[edi], ds));
        yield return Plant("es", a => a.mov(__word_ptr[edi], es));
        yield return Plant("fs", a => a.mov(__word_ptr[edi], fs));
        yield return Plant("gs", a => a.mov(__word_ptr[edi], gs));
        yield return Plant("tr", a => a.str(__word_ptr[edi]));
        yield return Plant("gdtr", a => a.sgdt(__[edi]));
        yield return Plant("idtr", a => a.sidt(__[edi]));
        yield return Plant("cr0", a => a.smsw(eax));
        yield return Plant("eflags", a => a.pushfd());
    }

    private static TestCaseData Plant(string name, Action<GuestAssembler> plant) =>
        new TestCaseData(name, plant).SetName($"{nameof(What_the_inverse_map_translates_diverges_when_the_guest_stores_it)}({name})");

    private static EquivalenceVerdict Compare(IEngine engine, GuestImage guest) =>
        Equivalence.Compare(Requests.Run(new BareEngine(), guest), Requests.Run(engine, guest));
}
