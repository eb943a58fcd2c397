using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Hybrid;
using Harness.Engines.Trap;
using Harness.Engines.Translate;
using Harness.Engines.Vtx;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Loads of CR3 as events: the guest's, and the real ones.</summary>
internal sealed class Cr3LoadTests
{
    private const int Rounds = 5;

    private static IEngine Engine(string name) => name switch
    {
        "bare" => new BareEngine(),
        "hybrid" => new HybridEngine(),
        "translate" => new TranslateEngine(),
        "vtx" => new VtxEngine(),
        _ => name == "trap013" ? TrapEngine.Trap013 : TrapEngine.Trap033,
    };

    /// <summary>Two processes that take turns.</summary>
    private static EngineRun Run(string engine, string paging, bool counts = true, int rounds = Rounds) => GuestRunner.Run(new RunRequest
    {
        Engine = Engine(engine),
        Model = ModelRegistry.Load("yonah"),
        Guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            for (int program = 0; program < 2; program++)
            {
                k.User(a =>
                {
                    a.mov(ecx, rounds);
                    GuestLabel again = a.Here("again");
                    k.Yield(a);
                    a.dec(ecx);
                    a.jne(again);
                });
            }
        }),
        Costs = CostProfile.Load("pentium4-2005"),
        Options = engine == "bare" ? new Dictionary<string, string>() : new Dictionary<string, string> { ["paging"] = paging },
        CountCr3Loads = counts,
    });

    private static long Count(Ledger ledger, string cause, string reason) => ledger.Totals
        .Where(t => t.First is { Kind: EngineEventKind.Cr3Load } first && first.Cause == cause && first.Reason == reason)
        .Sum(t => t.Count);

    [Test]
    public void The_guests_loads_are_the_same_under_every_engine([Values("trap013", "trap033", "hybrid", "translate", "vtx")] string engine)
    {
        EngineRun bare = Run("bare", "");

        // Paging that begins, the first process, and a switch for each turn but the last, after which the second ends.
        Count(bare.MachineEvents, "guest", "switch").Should().BeGreaterThan(2 * Rounds);
        Count(Run(engine, "cached").MachineEvents, "guest", "switch").Should().Be(Count(bare.MachineEvents, "guest", "switch"));
        bare.Ledger.Totals.Should().BeEmpty();
    }

    [Test]
    public void One_real_load_for_each_of_the_guests([Values("trap013", "trap033", "hybrid", "translate")] string engine, [Values("virtual-tlb", "cached")] string paging)
    {
        // What comes before the first process differs: a kernel that is interpreted needs no tables.
        (EngineRun few, EngineRun many) = (Run(engine, paging), Run(engine, paging, rounds: 2 * Rounds));
        long Real(string reason) => Count(many.Ledger, "MOV to CR3", reason) - Count(few.Ledger, "MOV to CR3", reason);

        Count(many.MachineEvents, "guest", "switch").Should().Be(Count(few.MachineEvents, "guest", "switch") + 2 * Rounds);
        (Real("switch"), Real("flush")).Should().Be(paging == "cached" ? (2 * Rounds, 0) : (0, 2 * Rounds));
    }

    [Test]
    public void Each_entry_and_each_exit_loads_other_tables([Values("virtual-tlb", "cached")] string paging)
    {
        EngineRun run = Run("vtx", paging);
        long exits = run.Ledger.Totals.Where(t => t.First.Kind is EngineEventKind.Exit or EngineEventKind.HiddenFault).Sum(t => t.Count);

        Count(run.Ledger, "VM exit", "switch").Should().Be(exits);
        Count(run.Ledger, "VM entry", "switch").Should().Be(exits);
        Count(run.Ledger, "VM exit", "flush").Should().Be(0);
    }

    [Test]
    public void Nobody_who_does_not_ask_is_told()
    {
        EngineRun run = Run("vtx", "cached", counts: false);
        run.Ledger.Totals.Concat(run.MachineEvents.Totals).Should().NotContain(t => t.First.Kind == EngineEventKind.Cr3Load);
        run.Ledger.Totals.Should().NotBeEmpty();
    }
}
