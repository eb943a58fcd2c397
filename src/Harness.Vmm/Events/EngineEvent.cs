namespace Harness.Vmm;

/// <summary>How control came to whoever is above the guest.</summary>
public enum EngineEventKind
{
    /// <summary>An exception or interrupt that hands control to a software monitor.</summary>
    Trap,

    /// <summary>A VM exit of hardware-assisted virtualization.</summary>
    Exit,

    /// <summary>A call from translated code into the monitor.</summary>
    Callout,

    /// <summary>A guest's deliberate call.</summary>
    Hypercall,

    /// <summary>An event that the monitor delivers to the guest.</summary>
    Injection,

    /// <summary>An interrupt of the host.</summary>
    Interrupt,

    /// <summary>A fault that the guest never sees: a shadow entry was missing.</summary>
    HiddenFault,

    /// <summary>An entry by a hypervisor that runs as the guest.</summary>
    Entry,

    /// <summary>A virtualization instruction of a hypervisor that runs as the guest.</summary>
    Instruction,

    /// <summary>
    /// Translated code did without a call into its monitor what would have been one: an instruction emulated in the cache, or a jump that found its target there.
    /// Nothing tells the monitor; the processor counts, and the events are recorded when the guest is left.
    /// </summary>
    InCache,

    /// <summary>What a translator did: units translated, by what became of their instructions, links, evictions. What led to it is an event of its own, and has the cost.</summary>
    Translation,

    /// <summary>The monitor put the shadows of another address space of the guest in use. What led to it is an event of its own, and has the cost.</summary>
    Switch,

    /// <summary>
    /// CR3 was loaded: at level 0 the guest's, which on the bare machine is the real one, at level 1 the real one, by a monitor or by the hardware at an entry or exit. Only
    /// where a run asks for it (<see cref="RunRequest.CountCr3Loads"/>). The reason is "switch" if other tables are in force from then on, else "flush". What led to it
    /// is an event of its own, and has the cost.
    /// </summary>
    Cr3Load,
}

/// <summary>One event. What identifies a row of a report are <see cref="Kind"/>, <see cref="Cause"/>, <see cref="Reason"/>, <see cref="Instruction"/>, CPL and level.</summary>
public readonly record struct EngineEvent
{
    public EngineEvent()
    {
    }

    public required EngineEventKind Kind { get; init; }

    /// <summary>How control really came, where <see cref="Kind"/> says what for: a hidden fault is an exit where the hardware assists. Null: as the kind says.</summary>
    public EngineEventKind? CostsAs { get; init; }

    /// <summary>Vector ("#GP"), exit reason ("CPUID"), callout type.</summary>
    public required string Cause { get; init; }

    /// <summary>Why the monitor had to act: "privileged", "compression", "shadow-miss", "trace", "invalid-guest-state", ...; empty if the cause says it all.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Mnemonic of the instruction that caused it, in lower case, or empty.</summary>
    public string Instruction { get; init; } = "";

    /// <summary>Port, MSR, control register or address, for the drill-down.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Of the guest, as the guest sees it.</summary>
    public int Cpl { get; init; }

    /// <summary>Guest-linear address of the instruction.</summary>
    public LinearAddress Address { get; init; }

    /// <summary>Nesting level of the monitor that handles it: 1 for the one on the hardware, 0 for the guest's own handlers.</summary>
    public int Level { get; init; }

    /// <summary>Guest tick.</summary>
    public long Tick { get; init; }

    /// <summary>How many such events these are, of which nobody knows more than that they happened before the tick.</summary>
    public long Count { get; init; } = 1;

    /// <summary>What the cost profile says that it cost: one of them.</summary>
    public long Cycles { get; init; }
}
