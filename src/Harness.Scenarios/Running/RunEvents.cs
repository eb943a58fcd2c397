using System.Collections;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>Events of a run in order, all or a selection: each property and method that selects gives another such list.</summary>
public sealed class RunEvents : IEnumerable<EngineEvent>
{
    private readonly GuestRun _run;
    private readonly IReadOnlyList<Ledger> _ledgers;
    private readonly Func<EngineEvent, bool> _selects;
    private readonly bool _byPlace;

    internal RunEvents(GuestRun run, string description, IReadOnlyList<Ledger> ledgers, Func<EngineEvent, bool> selects, bool byPlace = false)
    {
        _run = run;
        _ledgers = ledgers;
        _selects = selects;
        _byPlace = byPlace;
        Description = description;
    }

    /// <summary>VM exits.</summary>
    public RunEvents Exits => OfKind(EngineEventKind.Exit);

    /// <summary>Exceptions and interrupts that entered a software monitor; at level 0, those that the guest itself handles.</summary>
    public RunEvents Traps => OfKind(EngineEventKind.Trap);

    /// <summary>Calls from translated code into the monitor.</summary>
    public RunEvents Callouts => OfKind(EngineEventKind.Callout);

    /// <summary>Events that the monitor delivered to the guest.</summary>
    public RunEvents Injections => OfKind(EngineEventKind.Injection);

    /// <summary>Which events these are, in words.</summary>
    internal string Description { get; }

    internal GuestRun Run => _run;

    /// <summary>Those that the guest's instructions in a mark caused.</summary>
    /// <exception cref="ArgumentException">The guest has no such mark.</exception>
    public RunEvents At(string mark)
    {
        GuestMark[] places = [.. _run.Details.Image.Marks.Where(m => m.Name == mark)];
        if (places.Length == 0)
        {
            string known = string.Join(", ", _run.Details.Image.Marks.Select(m => m.Name).Distinct());
            throw new ArgumentException($"The guest has no mark '{mark}'; {(known.Length == 0 ? "it has none at all" : $"it has {known}")}.", nameof(mark));
        }

        return Select($"at {mark}", e => Array.Exists(places, m => e.Address.Value >= m.Start.Value && e.Address.Value < m.End.Value), byPlace: true);
    }

    /// <summary>Those of one kind.</summary>
    public RunEvents OfKind(EngineEventKind kind) => Select($"of kind {kind}", e => e.Kind == kind);

    /// <summary>Those with a cause: a vector ("#GP", "vector 32"), an exit reason ("CPUID"), a type of callout.</summary>
    public RunEvents OfCause(string cause) => Select($"with cause {cause}", e => e.Cause == cause);

    /// <summary>Those for which the monitor had one reason to act, such as "privileged".</summary>
    public RunEvents OfReason(string reason) => Select($"for reason {reason}", e => e.Reason == reason);

    /// <summary>Those of one instruction, by its mnemonic.</summary>
    public RunEvents OfInstruction(string mnemonic) =>
        Select($"of {mnemonic}", e => string.Equals(e.Instruction, mnemonic, StringComparison.OrdinalIgnoreCase));

    /// <summary>Those while the guest was at a privilege level, as the guest sees it.</summary>
    public RunEvents AtCpl(int cpl) => Select($"at CPL {cpl}", e => e.Cpl == cpl);

    /// <summary>Those in a range of guest ticks, both ends included.</summary>
    public RunEvents Between(long from, long to) => Select($"in ticks {from} to {to}", e => e.Tick >= from && e.Tick <= to, byPlace: true);

    /// <summary>How many there are that agree with everything given.</summary>
    public long Count(EngineEventKind? kind = null, string? cause = null, string? reason = null, string? instruction = null, string? at = null) =>
        Where(kind, cause, reason, instruction, at).Counted();

    /// <summary>What they cost by the run's cost profile.</summary>
    public long Cycles() => _run.Read($"cycles of {Description}", _byPlace || !IsTruncated ? this.Sum(e => e.Cycles * e.Count) : Totals().Sum(t => t.Cycles));

    /// <summary>In order of ticks.</summary>
    /// <exception cref="InvalidOperationException">There were more events than are kept.</exception>
    public IEnumerator<EngineEvent> GetEnumerator()
    {
        if (IsTruncated)
        {
            throw new InvalidOperationException(
                $"The run under {_run.Engine} has more than {Ledger.Capacity} events, of which the first are kept: count them by kind, cause, reason or instruction instead.");
        }

        return _ledgers.SelectMany(l => l.All).Where(_selects).OrderBy(e => e.Tick).GetEnumerator();
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal RunEvents Where(EngineEventKind? kind, string? cause, string? reason, string? instruction, string? at)
    {
        RunEvents events = this;
        events = kind is { } k ? events.OfKind(k) : events;
        events = cause is { } c ? events.OfCause(c) : events;
        events = reason is { } r ? events.OfReason(r) : events;
        events = instruction is { } i ? events.OfInstruction(i) : events;
        return at is { } mark ? events.At(mark) : events;
    }

    private bool IsTruncated => _ledgers.Any(l => l.IsTruncated);

    private long Counted() => _run.Read($"number of {Description}", _byPlace || !IsTruncated ? this.Sum(e => e.Count) : Totals().Sum(t => t.Count));

    private IEnumerable<EventCount> Totals() => _ledgers.SelectMany(l => l.Totals).Where(t => _selects(t.First));

    private RunEvents Select(string description, Func<EngineEvent, bool> selects, bool byPlace = false) =>
        new(_run, $"{Description} {description}", _ledgers, e => _selects(e) && selects(e), _byPlace || byPlace);
}
