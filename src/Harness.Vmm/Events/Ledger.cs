namespace Harness.Vmm;

/// <summary>The events of a run with equal identity, together.</summary>
public sealed class EventCount(EngineEvent first)
{
    /// <summary>The identity; address, tick and detail are the first event's.</summary>
    public EngineEvent First => first;

    public long Count { get; internal set; }

    public long Cycles { get; internal set; }
}

/// <summary>
/// Every event of one engine's run, counted at the single place where the engine dispatches them. Without <paramref name="costs"/> it is the machine's own
/// ledger, free of charge: what the guest itself sees delivered, level 0, and what it does as a hypervisor, level 1.
/// </summary>
public sealed class Ledger(CostProfile? costs, bool keepAll)
{
    private const int Recents = 16;
    private readonly Dictionary<Identity, EventCount> _index = [];

    /// <summary>Totals that were counted last: guests repeat themselves, and a look here costs less than a hash of four strings.</summary>
    private readonly EventCount?[] _recent = new EventCount?[Recents];
    private readonly List<EventCount> _totals = [];
    private readonly List<EngineEvent> _all = [];

    private readonly record struct Identity(EngineEventKind Kind, string Cause, string Reason, string Instruction, string Detail, int Cpl, int Level);

    /// <summary>In the order of first occurrence.</summary>
    public IReadOnlyList<EventCount> Totals => _totals;

    /// <summary>Events kept at most: a guest that only faults may not fill the host's memory.</summary>
    public const int Capacity = 1 << 20;

    /// <summary>Every event in order up to <see cref="Capacity"/>, if the run was asked to keep them.</summary>
    public IReadOnlyList<EngineEvent> All => _all;

    /// <summary>There were more events than <see cref="All"/> keeps.</summary>
    public bool IsTruncated { get; private set; }

    /// <summary>Told of every event.</summary>
    public event Action<EngineEvent>? Recorded;

    /// <summary>Gives events their tick: injections and the guest's own the current one, the others that at which the guest was left.</summary>
    internal GuestClock? Clock { get; init; }

    /// <summary>
    /// Counts one more event of the identity of one that was recorded; only where neither single events nor their costs are asked for. False: it has to be
    /// recorded.
    /// </summary>
    internal bool TryCount(EventCount total)
    {
        if (keepAll || costs is not null || Recorded is not null)
        {
            return false;
        }

        total.Count++;
        return true;
    }

    /// <returns>The total that it was added to.</returns>
    public EventCount Record(EngineEvent e)
    {
        if (costs is not null && e.Level < 1)
        {
            e = e with { Level = 1 };
        }

        EventCount total = TotalOf(e);
        e = e with
        {
            Cycles = e.CostsAs == total.First.CostsAs ? total.First.Cycles : CostOf(e),
            Tick = TickOf(e),
        };
        total.Count += e.Count;
        total.Cycles += e.Cycles * e.Count;
        if (keepAll && _all.Count == Capacity)
        {
            IsTruncated = true;
        }
        else if (keepAll)
        {
            _all.Add(e);
        }

        Recorded?.Invoke(e);
        return total;
    }

    private long CostOf(in EngineEvent e) => costs?.CostOf(e) ?? 0;

    private long TickOf(in EngineEvent e) =>
        Clock is null ? e.Tick : costs is null || e.Kind == EngineEventKind.Injection || Clock.Arrival is not { } arrival ? Clock.Now : arrival;

    private EventCount TotalOf(in EngineEvent e)
    {
        ref EventCount? recent = ref _recent[((int)e.Kind + e.Cause.Length + e.Reason.Length + e.Instruction.Length + e.Detail.Length) % Recents];
        if (recent is not null && IsSame(recent.First, e))
        {
            return recent;
        }

        var identity = new Identity(e.Kind, e.Cause, e.Reason, e.Instruction, e.Detail, e.Cpl, e.Level);
        if (!_index.TryGetValue(identity, out EventCount? total))
        {
            _index[identity] = total = new EventCount(e with { Cycles = CostOf(e), Tick = TickOf(e) });
            _totals.Add(total);
        }

        recent = total;
        return total;
    }

    private static bool IsSame(in EngineEvent a, in EngineEvent b) =>
        a.Kind == b.Kind && a.Cpl == b.Cpl && a.Level == b.Level
        && a.Cause == b.Cause && a.Reason == b.Reason && a.Instruction == b.Instruction && a.Detail == b.Detail;
}
