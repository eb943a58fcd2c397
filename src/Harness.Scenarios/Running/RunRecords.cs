using Harness.Records;
using Harness.Vmm;
using Divergence = Harness.Vmm.Divergence;

namespace Harness.Scenarios;

/// <summary>Runs as records.</summary>
internal static class RunRecords
{
    private static readonly string[] KindNames = ["trap", "exit", "callout", "hypercall", "injection", "interrupt", "hidden fault", "entry", "instruction", "in-cache", "translation", "switch", "CR3 load"];

    /// <summary>The record of a request that was not run.</summary>
    public static RunRecord NotApplicable(RunRequest request, int number, string reason) => Head(request, number, Outcome.NotApplicable) with { Message = reason };

    /// <summary>The record of a run; <paramref name="equivalence"/> is null for the bare machine and where it was not judged.</summary>
    public static RunRecord Of(EngineRun run, int number, EquivalenceVerdict? equivalence, Outcome outcome, string? message)
    {
        RetiredCounts retired = run.Retired;
        return Head(run.Request, number, outcome) with
        {
            Ticks = new TickCount(run.Ticks, run.HaltedTicks),
            Retired = new RetiredCount(retired.Guest, retired.Direct, retired.Translated, retired.Emulated),
            Regimes = [.. retired.Regimes.Select(r => new RegimeCount(r.Name, r.Direct, r.Emulated))],
            Events = [.. run.MachineEvents.Totals.Concat(run.Ledger.Totals).Select(Total)],
            Properties = run.Engine.Kind == MonitorKind.Bare ? null : new RunProperties(
                equivalence is null ? null : Property(equivalence),
                run.ResourceControl is not { } control ? null : new JudgedProperty(control.Holds, control.Holds ? null : control.Detail),
                new JudgedProperty(run.Efficiency.Holds, null)),
            Cycles = new CycleCount(run.GuestCycles, run.OverheadCycles),
            Console = run.Console,
            Digest = run.Digest,
            Message = message,
            Assumptions = [.. Assumptions(run).Distinct()],
        };
    }

    /// <summary>What a machine used of its host.</summary>
    public static MachineUse UseOf(HostedRun machine, HostRun host) => new()
    {
        Name = machine.Machine.Name,
        Shares = machine.Machine.Shares,
        MemoryShares = machine.Machine.MemoryShares,
        Minimum = (int)(machine.Machine.MinimumBytes / Ram.PageSize),
        Maximum = (int)(machine.Machine.MaximumBytes / Ram.PageSize),
        Target = machine.Use.Target,
        ActivePercent = (int)(machine.Use.Active * 100),
        WorldSwitches = machine.Use.WorldSwitches,
        Slices = machine.Use.Slices,
        Blocked = machine.Use.Blocked,
        Present = machine.Use.Present,
        Shared = machine.Use.Shared,
        MostShared = machine.Use.MostShared,
        Ballooned = machine.Use.Ballooned,
        MostBallooned = machine.Use.MostBallooned,
        Swapped = machine.Use.Swapped,
        SwappedOut = machine.Use.SwappedOut,
        SwappedIn = machine.Use.SwappedIn,
        Merged = machine.Use.Merged,
        Broken = machine.Use.Broken,
        ShadowSpaces = machine.Use.Shadows.AddressSpaces,
        ShadowFrames = machine.Use.Shadows.Frames,
        HostFrames = host.Frames,
        HostStates = [.. Enum.GetValues<ReclamationState>().Select(state => host.States.Count(s => s.State == state))],
    };

    /// <summary>An event kind as records spell it.</summary>
    public static string Name(EngineEventKind kind) => KindNames[(int)kind];

    private static RunRecord Head(RunRequest request, int number, Outcome outcome) => new()
    {
        Scenario = "",
        Engine = request.Engine.Name,
        Run = number,
        Cpu = request.Model.Name,
        Cost = request.Costs.Name,
        Seed = request.Seed,
        Guest = new Records.GuestImage(request.Guest.Digest, request.Guest.Bytes),
        Outcome = outcome,
    };

    private static EventTotal Total(EventCount total) => new()
    {
        Kind = Name(total.First.Kind),
        Cause = total.First.Cause,
        Reason = OrNull(total.First.Reason),
        Instruction = OrNull(total.First.Instruction),
        Detail = OrNull(total.First.Detail),
        Cpl = total.First.Cpl,
        Level = total.First.Level,
        Count = total.Count,
        Cycles = total.Cycles,
    };

    private static string? OrNull(string text) => text.Length == 0 ? null : text;

    private static EquivalenceProperty Property(EquivalenceVerdict verdict) => new(
        verdict.Holds, Text(verdict.FirstDivergence), Text(verdict.FirstControlFlow), verdict.FirstDivergence is null ? null : verdict.MetAgain);

    private static Records.Divergence? Text(Divergence? divergence) => divergence is not { } d
        ? null
        : new Records.Divergence(d.Tick, d.At, d.Value, d.Show(d.Bare), d.Show(d.Found), d.Instruction);

    private static IEnumerable<string> Assumptions(EngineRun run)
    {
        foreach (EventCount total in run.Ledger.Totals)
        {
            if (run.Request.Costs.FigureFor(total.First) is { IsAssumption: true } figure)
            {
                string cause = figure.Cause.Length == 0 ? "" : " " + figure.Cause;
                yield return string.Create(CultureInfo.InvariantCulture, $"{Name(figure.Kind)}{cause}: {figure.Cycles} cycles, {figure.Source}");
            }
        }

        foreach (var (figure, _) in run.NativeEvents().Where(e => e.Figure.IsAssumption))
        {
            string cause = figure.Cause.Length == 0 ? "other events" : figure.Cause;
            yield return string.Create(CultureInfo.InvariantCulture, $"{cause} on the processor itself: {figure.Cycles} cycles, {figure.Source}");
        }
    }
}
