using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Interpret;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Vmm;

[TestFixture]
internal sealed class EngineRunTests
{
    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void Interpretation_is_equivalent_to_the_bare_machine(GuestImage guest)
    {
        EngineRun bare = Requests.Run(new BareEngine(), guest);
        EngineRun interpreted = Requests.Run(new InterpretEngine(), guest);

        bare.End.Should().Be(GuestEnd.Done);
        Equivalence.Compare(bare, interpreted).Should().Be(new EquivalenceVerdict(true, null, null, false));
        interpreted.Digest.Should().Be(bare.Digest);
        interpreted.MachineEvents.All.Should().Equal(bare.MachineEvents.All);
        bare.Retired.Direct.Should().Be(interpreted.Retired.Emulated).And.BePositive();
    }

    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void A_run_in_slices_is_the_same_run(GuestImage guest)
    {
        EngineRun whole = Requests.Run(new BareEngine(), guest);
        foreach (long slice in new long[] { 1, 7, 1000 })
        {
            EngineRun sliced = Requests.Run(new LyingEngine(long.MaxValue, _ => { }, slice), guest);
            sliced.Digest.Should().Be(whole.Digest);
            sliced.Effects!.Hash.Should().Be(whole.Effects!.Hash);
        }
    }

    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void Recording_changes_nothing(GuestImage guest)
    {
        RunRequest request = Requests.For(new BareEngine(), guest);
        GuestRunner.Run(request with { RecordEffects = false }).Digest.Should().Be(GuestRunner.Run(request).Digest);
    }

    [Test]
    public void Runs_at_the_same_time_give_the_same_digest()
    {
        string[] digests = [.. Enumerable.Range(0, 4).AsParallel().WithDegreeOfParallelism(4).Select(_ => Requests.Run(new InterpretEngine(), TestGuests.Timer).Digest)];
        digests.Distinct().Should().ContainSingle();
    }

    [Test]
    public void Interrupts_arrive_at_the_ticks_of_the_timer()
    {
        EngineRun run = Requests.Run(new BareEngine(), TestGuests.Timer);

        long[] ticks = [.. run.MachineEvents.All.Where(e => e.Kind == EngineEventKind.Interrupt).Select(e => e.Tick)];
        ticks.Should().HaveCount(4);
        ticks.Zip(ticks.Skip(1), (a, b) => b - a).Should().OnlyContain(interval => interval > 99_000 && interval < 101_000);
        run.HaltedTicks.Should().BePositive();
        run.MachineEvents.Totals.Should().ContainSingle().Which.First.Level.Should().Be(0);
        run.Ledger.Totals.Should().BeEmpty();
    }

    [Test]
    public void What_a_guest_does_as_a_hypervisor_is_recorded_at_level_1()
    {
        const uint Region = 0x30000;
        const uint Pointer = 0x9000;
        GuestImage guest = Guest.Protected32(a =>
        {
            var tables = new PageTables(GuestPaging.Paging32, 0x20000);
            tables.Map(0, 0, 0x100000, PageRights.Write);
            a.mov(eax, tables.Directory);
            a.mov(cr3, eax);
            a.mov(eax, Cr0.PG | Cr0.NE | Cr0.ET | Cr0.PE);
            a.mov(cr0, eax);
            a.mov(eax, Cr4.VMXE);
            a.mov(cr4, eax);
            a.mov(ecx, Msr.IA32_FEATURE_CONTROL);
            a.mov(eax, 5);
            a.wrmsr();
            a.mov(ecx, 0x480);
            a.rdmsr();
            a.mov(__dword_ptr[Region], eax);
            a.mov(__dword_ptr[Pointer], Region);
            a.Mark("on");
            a.vmxon(__qword_ptr[Pointer]);
            a.Mark("again");
            a.vmxon(__qword_ptr[Pointer]);
            a.Mark("off");
            a.vmxoff();
            a.Done();
            tables.Emit(a);
        });

        EngineRun run = GuestRunner.Run(Requests.For(new BareEngine(), guest) with { Model = ModelRegistry.Load("yonah"), Withheld = [] });

        run.MachineEvents.All.Select(e => (e.Kind, e.Cause, e.Reason, e.Level, guest.Locate(e.Address))).Should().Equal(
            (EngineEventKind.Instruction, "VMXON", "", 1, "on"), (EngineEventKind.Instruction, "VMXON", "failed", 1, "again"),
            (EngineEventKind.Instruction, "VMXOFF", "", 1, "off"));
    }

    [Test]
    public void The_result_outlives_the_machine()
    {
        EngineRun run = Requests.Run(new BareEngine(), Guest.Protected32(a =>
        {
            a.mov(__dword_ptr[0x80FFE], 0x12345678);
            a.mov(eax, 21);
            a.Done();
        }));

        run.ExitCode.Should().Be(43);
        run.Final.Eax.Should().Be(21);
        run.Memory.ReadUInt32(new GuestPhysicalAddress(0x80FFE)).Should().Be(0x12345678);
        run.Memory.Invoking(m => m.ReadUInt32(new GuestPhysicalAddress((ulong)m.Length - 2))).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Test]
    public void The_budget_ends_a_run_at_its_tick()
    {
        RunRequest request = Requests.For(new BareEngine(), TestGuests.Loop) with { MaxInstructions = 1234 };
        EngineRun run = GuestRunner.Run(request);
        run.End.Should().Be(GuestEnd.Limit);
        run.Ticks.Should().Be(1234);
        run.Effects!.Steps.Should().Be(1234);
    }

    [TestCase("yonah", 10), TestCase("pentium", 1)]
    public void Pause_takes_as_long_as_the_model_says_and_is_one_instruction_under_every_engine(string cpu, int ticks)
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            for (int i = 0; i < 100; i++)
            {
                a.pause();
            }

            a.Done();
        });
        GuestImage without = Guest.Protected32(a =>
        {
            for (int i = 0; i < 100; i++)
            {
                a.nop();
            }

            a.Done();
        });
        foreach (IEngine engine in EngineRegistry.All)
        {
            ProcessorModel model = ModelRegistry.Load(cpu);
            if (engine.NotApplicable(model, guest) is null)
            {
                EngineRun run = GuestRunner.Run(Requests.For(engine, guest) with { Model = model });
                EngineRun plain = GuestRunner.Run(Requests.For(engine, without) with { Model = ModelRegistry.Load(cpu) });
                run.Ticks.Should().Be(plain.Ticks + 100 * (ticks - 1), engine.Name);
                (run.Retired.Direct + run.Retired.Emulated).Should().Be(plain.Retired.Direct + plain.Retired.Emulated, engine.Name);
            }
        }
    }

    [Test]
    public void Halted_ticks_are_not_in_the_budget()
    {
        RunRequest request = Requests.For(new BareEngine(), TestGuests.Timer) with { MaxInstructions = 5_000_000 };
        EngineRun run = GuestRunner.Run(request);
        run.End.Should().Be(GuestEnd.Done);
        (run.Ticks - run.HaltedTicks).Should().BeLessThan(5_000_000);
    }

    [Test]
    public void A_halt_that_nothing_can_end_ends_the_run()
    {
        GuestImage deaf = Guest.Kernel(kernel =>
        {
            kernel.Timer(1000, _ => { });
            kernel.Boot(a =>
            {
                a.cli();
                a.hlt();
            });
        });
        GuestImage masked = Guest.Kernel(kernel =>
        {
            kernel.Timer(100, _ => { });
            kernel.Boot(a =>
            {
                a.mov(al, 0xFF);
                a.@out(0x21, al);
                a.sti();
                GuestLabel again = a.Here("again");
                a.hlt();
                a.jmp(again);
            });
        });
        Requests.Run(new BareEngine(), deaf).End.Should().Be(GuestEnd.HaltedForever);
        Requests.Run(new BareEngine(), masked).End.Should().Be(GuestEnd.HaltedForever);
    }

    [Test]
    public void Cancellation_stops_a_run()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        RunRequest request = Requests.For(new BareEngine(), TestGuests.Loop) with { Cancellation = source.Token };
        GuestRunner.Run(request).End.Should().Be(GuestEnd.Stopped);
    }

    [Test]
    public void A_guest_is_not_shown_the_features_that_are_withheld()
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            a.mov(eax, 1);
            a.cpuid();
            a.Done();
        });
        RunRequest request = Requests.For(new BareEngine(), guest);
        GuestRunner.Run(request).Final.Ecx.Should().Be(0);
        GuestRunner.Run(request with { Withheld = [] }).Final.Ecx.Should().Be(0x20);
        ProcessorModel.Load("yonah").Without(Feature.Vmx).Has(Iced.Intel.Code.Vmxoff).Should().BeFalse();
    }

    [Test]
    public void An_engine_that_withholds_a_feature_is_not_applicable_to_a_guest_that_wants_it()
    {
        RunRequest request = Requests.For(new DirectEngine(), TestGuests.Loop) with { Withheld = [] };
        GuestRunner.NotApplicable(request).Should().Contain("Vmx");
        request.Invoking(GuestRunner.Run).Should().Throw<InvalidOperationException>().WithMessage("*direct*yonah*Vmx*");
    }

    [Test]
    public void A_trace_shows_instructions_effects_and_events_of_a_range()
    {
        List<TraceLine> lines = [];
        GuestTrace.Write(Requests.For(new BareEngine(), TestGuests.Faults), 1, 4, lines.Add);
        lines.Select(l => l.Tick).Should().BeInAscendingOrder().And.OnlyContain(tick => tick >= 1 && tick <= 4);
        lines.Should().Contain(l => l.Text.Contains("guest Trap #UD", StringComparison.Ordinal));

        long? tick = GuestTrace.FindEvent(Requests.For(new BareEngine(), TestGuests.Faults), e => e.Cause == "#UD", 2);
        tick.Should().BeGreaterThan(4);
    }

    [Test]
    public void Engines_are_found_by_name()
    {
        EngineRegistry.Bare.Kind.Should().Be(MonitorKind.Bare);
        EngineRegistry.All.Select(e => e.Name).Should().OnlyHaveUniqueItems();
        EngineRegistry.Find("interpret").Should().BeOfType<InterpretEngine>();
        EngineRegistry.Find("none").Should().BeNull();
    }
}
