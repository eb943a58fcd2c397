using System.Text;
using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Interpret;
using Harness.Engines.Trap;
using Harness.Engines.Vtx;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Vmm;

[TestFixture]
internal sealed class CostTests
{
    private const int Divisions = 3;
    private const int Reads = 2;

    private static readonly GuestImage Faulty = Guest.Kernel(k =>
    {
        k.OnFault(Vector.DE, a =>
        {
            a.add(__dword_ptr[esp], 2);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.xor(ebx, ebx);
            for (int i = 0; i < Divisions; i++)
            {
                a.div(ebx);
            }

            for (int i = 0; i < Reads; i++)
            {
                a.@in(al, 0x80);
            }
        });
    });

    [Test]
    public void The_machine_itself_pays_for_its_faults_and_ports()
    {
        EngineRun run = Requests.Run(new BareEngine(), Faulty);

        // Beside the two reads there is the write to the exit port.
        run.GuestCycles.Should().Be(run.Retired.Guest + Divisions * 889 + (Reads + 1) * 3209);
        run.OverheadCycles.Should().Be(0);
    }

    [Test]
    public void Each_event_has_its_own_cost_where_one_of_the_same_identity_came_another_way()
    {
        CostProfile costs = CostProfile.Load(ScenarioContext.DefaultCost);
        var trap = new EngineEvent { Kind = EngineEventKind.HiddenFault, Cause = "#PF" };
        EngineEvent exit = trap with { CostsAs = EngineEventKind.Exit };
        costs.CostOf(trap).Should().NotBe(costs.CostOf(exit));

        var ledger = new Ledger(costs, keepAll: true);
        EngineEvent[] events = [trap, exit, exit, trap];
        Array.ForEach(events, e => ledger.Record(e));

        ledger.All.Select(e => e.Cycles).Should().Equal(events.Select(e => costs.CostOf(e)));
        ledger.Totals.Should().ContainSingle().Which.Cycles.Should().Be(2 * (costs.CostOf(trap) + costs.CostOf(exit)));
    }

    [Test]
    public void Under_hardware_the_processor_delivers_the_guests_faults_and_the_monitor_reaches_the_ports()
    {
        EngineRun run = GuestRunner.Run(Requests.For(new VtxEngine(), Faulty) with { Model = ModelRegistry.Load("yonah") });

        run.GuestCycles.Should().Be(run.Retired.Guest + Divisions * 889);
        EngineEventKind[] exits = [EngineEventKind.Exit, EngineEventKind.HiddenFault];
        run.Ledger.Totals.Should().Contain(t => t.First.Kind == EngineEventKind.HiddenFault);
        run.OverheadCycles.Should().Be(3963 * run.Ledger.Totals.Where(t => exits.Contains(t.First.Kind)).Sum(t => t.Count));
    }

    [Test]
    public void A_software_monitor_delivers_as_part_of_its_own_events()
    {
        foreach (IEngine engine in new IEngine[] { new InterpretEngine(), TrapEngine.Trap013 })
        {
            EngineRun run = Requests.Run(engine, Faulty);
            run.GuestCycles.Should().Be(run.Retired.Guest, engine.Name);
        }
    }

    [Test]
    public void Without_figures_an_instruction_takes_a_cycle()
    {
        EngineRun run = GuestRunner.Run(Requests.For(new BareEngine(), Faulty) with { Costs = CostProfile.Load("sandybridge-2011") });
        run.GuestCycles.Should().Be(run.Retired.Guest);
    }

    [Test]
    public void Whatever_has_no_line_of_its_own_takes_that_of_the_others()
    {
        const string Text = """
            { "name": "mine", "description": "", "figures": [], "native": [
              { "cause": "", "cycles": 5, "source": "nobody", "assumption": true }, { "cause": "#PF", "cycles": 7, "source": "somebody" }] }
            """;
        var profile = CostProfile.Read(new MemoryStream(Encoding.ASCII.GetBytes(Text)), "mine.json");

        profile.NativeFor("#PF").Should().Be(new NativeFigure("#PF", 7, "somebody", false));
        profile.NativeFor("vector 32").Should().Be(new NativeFigure("", 5, "nobody", true));
    }
}
