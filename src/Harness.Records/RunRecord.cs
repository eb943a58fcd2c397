using System.Text.Json.Serialization;

namespace Harness.Records;

/// <summary>What became of a run, or of the checks of a scenario.</summary>
public enum Outcome
{
    /// <summary>It ended as the scenario demands.</summary>
    Passed,

    /// <summary>An assertion does not hold.</summary>
    Failed,

    /// <summary>The scenario threw, did not compile or was not run.</summary>
    Error,

    /// <summary>It hit a limit that the scenario did not ask for.</summary>
    Limit,

    /// <summary>The engine lacks something that the scenario needs; the message says what.</summary>
    NotApplicable,
}

/// <summary>How the result of a scenario compares with its snapshot.</summary>
public enum SnapshotVerdict
{
    /// <summary>Not compared: a verdict that failed before, or a run with overridden options.</summary>
    None,

    /// <summary>The same text.</summary>
    Equal,

    /// <summary>There is no snapshot yet.</summary>
    New,

    /// <summary>Another text, or a snapshot that cannot be read.</summary>
    Changed,
}

/// <summary>
/// The result of one guest under one engine, or, with a null <see cref="Engine"/>, the verdict of a scenario's checks.
/// One JSON object a line in files of schema <see cref="CurrentSchema"/>. Fields are added, never renamed. No host time is in it.
/// </summary>
/// <remarks>The serializer initialises every field, those that a line lacks with null: the accessors put the default there.</remarks>
public sealed record RunRecord
{
    /// <summary>The only schema that is written and read.</summary>
    public const string CurrentSchema = "harness-run/1";

    /// <summary>Always <see cref="CurrentSchema"/>.</summary>
    public string Schema { get; init => field = value ?? CurrentSchema; } = CurrentSchema;

    /// <summary>Id of the scenario: topic/file[.name][_parameter=value].</summary>
    public required string Scenario { get; init; }

    /// <summary>The scenario's title, free text.</summary>
    public string Title { get; init => field = value ?? ""; } = "";

    /// <summary>Ids of the facts that the scenario covers.</summary>
    public IReadOnlyList<string> Covers { get; init => field = value ?? []; } = [];

    /// <summary>The script, relative to the folder the command ran in, with forward slashes.</summary>
    public string File { get; init => field = value ?? ""; } = "";

    /// <summary>Line of the declaration, from 1; 0 when unknown.</summary>
    public int Line { get; init; }

    /// <summary>The scenario's parameters in order of declaration; a JSON object of strings.</summary>
    [JsonConverter(typeof(RunParametersConverter))]
    public IReadOnlyList<RunParameter> Parameters { get; init => field = value ?? []; } = [];

    /// <summary>Name of the engine; null for the record that holds the verdict of the scenario's checks.</summary>
    public string? Engine { get; init; }

    /// <summary>Which of the scenario's runs, from 1; 0 in a verdict.</summary>
    public int Run { get; init; }

    /// <summary>Processor model; null in a verdict.</summary>
    public string? Cpu { get; init; }

    /// <summary>Cost profile; null in a verdict.</summary>
    public string? Cost { get; init; }

    /// <summary>Seed of the run's random streams.</summary>
    public ulong Seed { get; init; }

    /// <summary>The guest; null when none was built.</summary>
    public GuestImage? Guest { get; init; }

    /// <summary>What became of it.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Guest time; null when nothing ran.</summary>
    public TickCount? Ticks { get; init; }

    /// <summary>Retired guest instructions; null when nothing ran.</summary>
    public RetiredCount? Retired { get; init; }

    /// <summary>Retired guest instructions by the modes of operation that the engine distinguishes, in the order in which they occurred; empty: it distinguishes none.</summary>
    public IReadOnlyList<RegimeCount> Regimes { get; init => field = value ?? []; } = [];

    /// <summary>Totals of the event ledger.</summary>
    public IReadOnlyList<EventTotal> Events { get; init => field = value ?? []; } = [];

    /// <summary>Popek and Goldberg's three properties; null when nothing ran.</summary>
    public RunProperties? Properties { get; init; }

    /// <summary>Cost of the run; null when nothing ran.</summary>
    public CycleCount? Cycles { get; init; }

    /// <summary>What the guest wrote to its console.</summary>
    public string Console { get; init => field = value ?? ""; } = "";

    /// <summary>Digest of the final state, lower-case hexadecimal; null when nothing ran.</summary>
    public string? Digest { get; init; }

    /// <summary>Comparison with the snapshot; in verdicts.</summary>
    public SnapshotVerdict Snapshot { get; init; }

    /// <summary>Why it failed, what limit it hit or why it is not applicable; null when there is nothing to say.</summary>
    public string? Message { get; init; }

    /// <summary>Figures of the cost profile that count in this run and that nobody published; reports name them.</summary>
    public IReadOnlyList<string> Assumptions { get; init => field = value ?? []; } = [];

    /// <summary>Figures that the scenario has found, of whatever engines, as they stand in its snapshot; in verdicts.</summary>
    public IReadOnlyList<SnapshotFact> Facts { get; init => field = value ?? []; } = [];

    /// <summary>The scenario's assertions; null except in verdicts.</summary>
    public CheckCount? Checks { get; init; }

    /// <summary>What the machine used of a host that has several; null where the guest has its host for itself.</summary>
    public MachineUse? Machine { get; init; }

    /// <summary>Every event in order, on request; null otherwise.</summary>
    public IReadOnlyList<TimelineStep>? Timeline { get; init; }
}

/// <summary>One parameter of a scenario, its value as invariant text.</summary>
public sealed record RunParameter(string Name, string Value);

/// <summary>A guest's bytes: their SHA-256 in lower-case hexadecimal and their number.</summary>
public sealed record GuestImage(string Sha256, long Bytes);

/// <summary>Guest ticks in all and those spent halted.</summary>
public sealed record TickCount(long Total, long Halted);

/// <summary>Retired guest instructions: all, and how many executed directly, from a translation, by emulation.</summary>
public sealed record RetiredCount(long Guest, long Direct, long Translated, long Emulated);

/// <summary>Retired guest instructions in one of the engine's modes of operation (of vtx v86, unpaged, paged, invalid-guest-state): executed directly, and by emulation.</summary>
public sealed record RegimeCount(string Name, long Direct, long Emulated);

/// <summary>Cycles of the cost profile: of the guest's own instructions, and of everything the engine adds.</summary>
public sealed record CycleCount(long Guest, long Overhead);

/// <summary>One of several machines of a host, at its end. Counts are in pages of 4 KiB where nothing else is said.</summary>
public sealed record MachineUse
{
    /// <summary>As the scenario calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Of the processor.</summary>
    public int Shares { get; init; }

    /// <summary>Of memory.</summary>
    public int MemoryShares { get; init; }

    /// <summary>That it has whatever the others need.</summary>
    public int Minimum { get; init; }

    /// <summary>That its guest believes to have.</summary>
    public int Maximum { get; init; }

    /// <summary>That it might have.</summary>
    public int Target { get; init; }

    /// <summary>The part of its memory that was in use, in percent.</summary>
    public int ActivePercent { get; init; }

    /// <summary>Times that it got the processor after another machine.</summary>
    public long WorldSwitches { get; init; }

    /// <summary>Time slices.</summary>
    public long Slices { get; init; }

    /// <summary>Times that it had to wait because memory was low.</summary>
    public long Blocked { get; init; }

    /// <summary>In frames, shared ones included.</summary>
    public int Present { get; init; }

    /// <summary>In frames that other pages are in too.</summary>
    public int Shared { get; init; }

    /// <summary>The most that were.</summary>
    public int MostShared { get; init; }

    /// <summary>Given to the balloon.</summary>
    public int Ballooned { get; init; }

    /// <summary>The most that were.</summary>
    public int MostBallooned { get; init; }

    /// <summary>In swap space.</summary>
    public int Swapped { get; init; }

    /// <summary>Written to swap space.</summary>
    public long SwappedOut { get; init; }

    /// <summary>Read from it.</summary>
    public long SwappedIn { get; init; }

    /// <summary>Times that a page was put into a frame with the same bytes.</summary>
    public long Merged { get; init; }

    /// <summary>Times that a write gave a page a frame of its own again.</summary>
    public long Broken { get; init; }

    /// <summary>Address spaces of the guest that have shadow page tables.</summary>
    public int ShadowSpaces { get; init; }

    /// <summary>Frames of the monitor's memory that these are.</summary>
    public int ShadowFrames { get; init; }

    /// <summary>Frames that all machines of the host could have together.</summary>
    public int HostFrames { get; init; }

    /// <summary>Reclamation states in which the host was, in the order high, soft, hard, low: how often each was entered.</summary>
    public IReadOnlyList<int> HostStates { get; init => field = value ?? []; } = [];
}

/// <summary>How many assertions held, did not, and were skipped because their engine was not run.</summary>
public sealed record CheckCount(int Passed, int Failed, int Skipped);

/// <summary>Events of a run that agree in everything but place and time.</summary>
public sealed record EventTotal
{
    /// <summary>trap, exit, callout, hypercall, injection, interrupt, hidden fault, in-cache, translation, switch, ...</summary>
    public required string Kind { get; init; }

    /// <summary>Vector, exit reason or type of callout, as the manual spells it.</summary>
    public required string Cause { get; init; }

    /// <summary>Why the monitor wanted or had to take it (compression, shadow, ...); null when the cause says it all.</summary>
    public string? Reason { get; init; }

    /// <summary>Mnemonic of the guest instruction; null when the event belongs to none.</summary>
    public string? Instruction { get; init; }

    /// <summary>What the event was about: a port, an MSR, an address; null when that is not known.</summary>
    public string? Detail { get; init; }

    /// <summary>Guest privilege level, 0 to 3.</summary>
    public int Cpl { get; init; }

    /// <summary>Nesting level: 0 the engine's own guest, 1 the guest of a hypervisor that the guest is, ...</summary>
    public int Level { get; init; }

    /// <summary>How often.</summary>
    public long Count { get; init; }

    /// <summary>Their cost in cycles of the profile.</summary>
    public long Cycles { get; init; }
}

/// <summary>The three properties of a virtual machine monitor (Popek and Goldberg 1974); null where one was not judged.</summary>
public sealed record RunProperties(EquivalenceProperty? Equivalence, JudgedProperty? ResourceControl, JudgedProperty? Efficiency);

/// <summary>Whether a property holds and what shows it.</summary>
public sealed record JudgedProperty(bool Holds, string? Detail);

/// <summary>
/// Equivalence to the bare run: the first differing effect, the first differing control flow, and whether the states met again
/// (null when they never differed).
/// </summary>
public sealed record EquivalenceProperty(bool Holds, Divergence? FirstDivergence, Divergence? FirstControlFlow, bool? MetAgain);

/// <summary>One difference from the bare run.</summary>
/// <param name="Tick">Guest tick of the effect.</param>
/// <param name="At">Mark, or guest address, of the instruction.</param>
/// <param name="Value">Name of what differs: eflags.IF, a register, a memory address, a port.</param>
/// <param name="Bare">Its value on the bare machine, as text.</param>
/// <param name="Found">Its value under the engine, as text.</param>
/// <param name="Instruction">The instruction that made the difference, as text.</param>
public sealed record Divergence(long Tick, string At, string Value, string Bare, string Found, string Instruction);

/// <summary>One event of a run in order.</summary>
/// <param name="Tick">Guest tick.</param>
/// <param name="At">Mark, or guest address, of the instruction.</param>
/// <param name="Instruction">The guest instruction, as text; null when the event belongs to none.</param>
/// <param name="Kind">As in <see cref="EventTotal"/>.</param>
/// <param name="Cause">As in <see cref="EventTotal"/>.</param>
/// <param name="Action">What the monitor did, as text.</param>
/// <param name="Cycles">Cost in cycles of the profile.</param>
public sealed record TimelineStep(long Tick, string At, string? Instruction, string Kind, string Cause, string Action, long Cycles);
