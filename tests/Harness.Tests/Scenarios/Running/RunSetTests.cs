using FluentAssertions;
using Harness.Engines.Interpret;
using Harness.Isa;
using Harness.Machine.Devices;
using Harness.Records;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Scenarios.ScenarioApi;
using static Iced.Intel.AssemblerRegisters;
using GuestImage = Harness.Machine.GuestImage;
using Monitor = Harness.Scenarios.Monitor;

namespace Harness.Tests.Scenarios.Running;

/// <summary>Runs of guests as scenarios see them.</summary>
[TestFixture]
internal sealed class RunSetTests
{
    private static GuestImage Popf { get; } = Guest.Protected32(a =>
    {
        a.push(Flags.IF | Flags.Fixed);
        a.Mark("popf");
        a.popfd();
        a.pushfd();
        a.pop(eax);
        a.Done();
    });

    private static GuestImage Endless { get; } = Guest.Protected32(a => a.Raw(0xEB, 0xFE));

    private static GuestImage CountsNmis { get; } = Guest.Kernel(k =>
    {
        k.OnFault(Vector.NMI, a =>
        {
            a.inc(ebp);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.xor(ebp, ebp);
            for (int i = 0; i < 10; i++)
            {
                a.nop();
            }
        });
    });

    [Test]
    public void A_script_body_runs_in_a_test() => ScenarioProgram.Check(() => Scenario("POPF", covers: "B5", s =>
    {
        var run = s.Run(Popf, cpu: "yonah");
        run.Bare.Eax.Should().HaveFlag(Flags.IF);
        run.Each(Monitor.Interpreter, e => e.Should().MatchBare().And.ControlResources().And.NotBeEfficient().And.HaveEvents(0));
    }));

    [Test]
    public void The_first_divergence_is_asserted_and_explained()
    {
        var host = new FakeHost(new DirectEngine());
        host.Run(s =>
        {
            var run = s.Run(Popf);
            run.Each(Monitor.Deprivileged, e =>
            {
                e.Events.At("popf").Should().BeEmpty();
                e.Should().FirstDivergeFromBare(at: "popf", value: "eflags.IF", bare: 1, found: 0);
                Action wrong = () => e.Should().FirstDivergeFromBare(at: "popf", value: "eflags.IF", bare: 0, found: 0);
                wrong.Should().Throw<Exception>().WithMessage(
                    "Expected direct on yonah to differ from the bare machine first in eflags.IF at popf: bare 0, found 0, but found eflags.IF at popf (popf*), tick 2: bare 1, found 0*See: harness diverge t/x direct*");
                Action matching = () => e.Should().MatchBare();
                matching.Should().Throw<Exception>().WithMessage("*to match the bare machine, but found eflags.IF at popf*");
            });
        });
        host.Records[1].Properties!.Equivalence!.FirstDivergence!.Value.Should().Be("eflags.IF");
    }

    [Test]
    public void Records_and_snapshots_hold_every_engine_in_order()
    {
        var host = new FakeHost(new InterpretEngine(), new DirectEngine());
        host.Run(s =>
        {
            s.Run(Popf);
            s.Run(Popf, settings: new RunSettings { Monitors = Monitor.Interpreter });
            s.Run(Endless, ends: GuestEnd.Limit, maxInstructions: 100);
        });

        host.Records.Select(r => (r.Engine, r.Run)).Should().Equal(
            ("bare", 1), ("interpret", 1), ("direct", 1), ("bare", 2), ("interpret", 2), ("bare", 3), ("interpret", 3), ("direct", 3));
        host.Records.Should().OnlyContain(r => r.Outcome == Outcome.Passed);
        host.Guests.Select(g => (g.Name, g.Image.Sha256)).Should().Equal(("guest 1", Popf.Digest), ("guest 2", Endless.Digest));
        host.Guests[0].Disassembly.Should().Contain(line => line.EndsWith("; popf"));
    }

    [Test]
    public void Checks_of_engines_without_a_run_are_skipped()
    {
        var host = new FakeHost(new InterpretEngine(), new DirectEngine()) { Options = new RunOptions { Engines = ["interpret"] } };
        host.Run(s =>
        {
            var run = s.Run(Popf);
            run.Each(Monitor.Any, e => e.Engine.Should().Be("interpret"));
            run.On("direct", _ => throw new InvalidOperationException());
            run.Invoking(r => r["direct"]).Should().Throw<EngineNotRunException>().WithMessage("*direct: --engine leaves it out");
            run.Invoking(r => r["none"]).Should().Throw<ArgumentException>().WithMessage("*bare, interpret, direct*");
        });
        host.Checks.Should().Be((1, 2));
    }

    [Test]
    public void A_limit_or_a_triple_fault_unasked_ends_the_scenario()
    {
        var host = new FakeHost();
        host.Invoking(h => h.Run(s => s.Run(Endless, maxInstructions: 100))).Should().Throw<ScenarioEndedException>()
            .WithMessage("*expected to end by Done, found Limit*budget is 100*").Which.Outcome.Should().Be(Outcome.Limit);
        GuestImage fault = Guest.Real16(a => a.Raw(0x0F, 0x01, 0x16, 0x00, 0x00, 0x0F, 0x01, 0x1E, 0x00, 0x00, 0x0F, 0x0B));
        host.Invoking(h => h.Run(s => s.Run(fault))).Should().Throw<ScenarioEndedException>().Which.Outcome.Should().NotBe(Outcome.Passed);
        host.Records.Select(r => r.Outcome).Should().StartWith(Outcome.Limit);
    }

    [Test]
    public void Options_of_the_invocation_win()
    {
        var host = new FakeHost { Options = new RunOptions { Cpu = "i386", Cost = "sandybridge-2011", Seed = 5, MaxInstructions = 77 } };
        host.Run(s => s.Run(Popf));
        host.Requests[0].Should().Match<RunRequest>(r => r.Model.Name == "i386" && r.Costs.Name == "sandybridge-2011" && r.Seed == 5 && r.MaxInstructions == 77);
    }

    [Test]
    public void An_injected_interrupt_and_nmi_reach_the_guest_at_their_tick()
    {
        var host = new FakeHost(new InterpretEngine());
        host.Run(s =>
        {
            var run = s.Inject(CountsNmis, Injection.Nmi(6));
            run.Bare.Ebp.Should().Be(1);
            run.Bare.Level(0).Single().Tick.Should().Be(6);
            Action none = () => run["interpret"].Events.Should().BeEmpty();
            none.Should().Throw<Exception>().WithMessage("Expected interpret on yonah to have 0 events, but found 1\n  tick 6: Injection*See: harness trace t/x interpret*");
            run.Each(Monitor.Any, e => e.Should().MatchBare());

            GuestImage line = Guest.Kernel(k =>
            {
                k.OnIrq(5, a => a.inc(__dword_ptr[0x9800]));
                k.Boot(a =>
                {
                    a.sti();
                    a.hlt();
                    a.cli();
                });
            });
            s.Inject(line, Injection.Interrupt(1000)).Bare.Memory(0x9800).Should().Be(1);
        });
    }

    [Test]
    public void An_injected_bit_flip_changes_memory()
    {
        var host = new FakeHost(new InterpretEngine());
        GuestImage guest = Guest.Protected32(a =>
        {
            a.mov(__dword_ptr[0x9800], 0);
            a.nop();
            a.mov(eax, __dword_ptr[0x9800]);
            a.Done();
        });
        host.Run(s =>
        {
            var run = s.Inject(guest, Injection.BitFlip(1, new PhysicalAddress(0x9801), 3));
            run.Bare.Eax.Should().Be(0x800);
            run.Each(Monitor.Any, e => e.Should().MatchBare());
        });
    }

    [Test]
    public void A_sweep_keeps_one_record_for_each_engine()
    {
        var host = new FakeHost(new InterpretEngine());
        var seen = 0;
        host.Run(s => s.Sweep(CountsNmis, 2, 8, Injection.Nmi, run =>
        {
            seen++;
            s.Disturbance.Should().Be($"an NMI at tick {seen + 1}");
            run.Bare.Ebp.Should().Be(1);
        }));
        seen.Should().Be(7);
        host.Records.Select(r => (r.Engine, r.Run, r.Events.Single(e => e.Level == 0).Count)).Should().Equal(("bare", 1, 7), ("interpret", 1, 7));
        host.Guests.Should().ContainSingle();
    }

    [Test]
    public void Registers_memory_and_text_are_those_at_the_end()
    {
        var host = new FakeHost();
        GuestImage guest = Guest.Protected32(a =>
        {
            a.mov(ebx, 0x00006948);
            a.mov(__dword_ptr[0x9000], ebx);
            a.Done();
        });
        host.Run(s =>
        {
            var run = s.Run(guest).Bare;
            run.Register("ebx").Should().Be(run.Ebx).And.Be(run.Memory(0x9000));
            run.Text(0x9000).Should().Be("Hi");
            run.Memory(0x9000, 2).Should().Equal(0x48, 0x69);
            run.Invoking(r => r.Register("rax")).Should().Throw<ArgumentException>().WithMessage("*'rax'*eax*");
            run.Invoking(r => r.Events.At("none")).Should().Throw<ArgumentException>().WithMessage("*no mark 'none'*");
        });
    }
}
