using Iced.Intel;

namespace Harness.Vmm;

/// <summary>Classes of engines that scenarios assert on, so that a new engine gets a verdict.</summary>
[Flags]
public enum MonitorKind
{
    None = 0,

    /// <summary>The reference: the guest owns the machine.</summary>
    Bare = 1,

    /// <summary>Every guest instruction is emulated.</summary>
    Interpreter = 2,

    /// <summary>The guest kernel runs directly in a less privileged ring.</summary>
    Deprivileged = 4,
    Translating = 8,
    Paravirtual = 16,

    /// <summary>VT-x or AMD-V.</summary>
    HardwareAssisted = 32,

    /// <summary>The guest kernel is interpreted, user mode runs directly.</summary>
    Hybrid = 64,

    /// <summary>Any monitor at all.</summary>
    Any = Interpreter | Deprivileged | Translating | Paravirtual | HardwareAssisted | Hybrid,
}

/// <summary>What equivalence means for an engine.</summary>
public enum EquivalenceLevel
{
    /// <summary>Every effect of every step, kernel and programs alike, at the same tick.</summary>
    Machine,

    /// <summary>
    /// The kernel is other code by construction: what each program in ring 3 computes and stores, step by step but regardless of the tick; what devices are sent;
    /// the pages that programs wrote, and the end. A program is an address space, told by its CR3.
    /// </summary>
    Programs,
}

/// <summary>A way to run a guest. Engines are found by name and know nothing of each other.</summary>
public interface IEngine
{
    /// <summary>Its name on the command line, in records and in reports.</summary>
    string Name { get; }

    /// <summary>One line for lists.</summary>
    string Description { get; }

    MonitorKind Kind { get; }

    /// <summary>Why the engine cannot run the guest on the model, or null if it can.</summary>
    string? NotApplicable(ProcessorModel model, GuestImage guest);

    /// <summary>Whether a guest can use the virtualization feature under the engine, if the model has it.</summary>
    bool Exposes(Feature feature) => false;

    /// <summary>The image of an applicable guest that the engine runs, where the guest comes in more than one.</summary>
    GuestImage ImageOf(GuestImage guest) => guest;

    /// <summary>What the guest has to have in common with the bare machine.</summary>
    EquivalenceLevel Level => EquivalenceLevel.Machine;

    /// <summary>
    /// Why a guest of the engine cannot be one of several machines of a host, which gives and takes its frames; null if it can. Whoever keeps frames of the guest says so
    /// here; what is derived from them has to follow <see cref="GuestMemoryMap.FrameChanged"/>.
    /// </summary>
    string? NotOnSharedHost => null;

    /// <summary>Names of its options, which <see cref="Create"/> reads.</summary>
    IReadOnlyList<string> Options => [];

    /// <summary>Sets up the monitor for one run.</summary>
    IMonitor Create(MonitorContext context);
}

/// <summary>Why a guest's run ended, seen from outside.</summary>
public enum GuestEnd
{
    /// <summary>The guest wrote to the exit port or turned the machine off.</summary>
    Done,

    /// <summary>The budget of instructions is used up.</summary>
    Limit,

    /// <summary>HLT with nothing to wake it.</summary>
    HaltedForever,

    /// <summary>A triple fault.</summary>
    Shutdown,

    /// <summary>The engine met something that it says it does not do; <see cref="IMonitor.StopReason"/> names it.</summary>
    Unsupported,

    /// <summary>Somebody outside stopped it.</summary>
    Stopped,
}

/// <summary>An instruction of the guest: its linear address, its EIP, and what it was when it was translated; of one that is not translated yet, only where it is.</summary>
public readonly record struct CodeSource(LinearAddress Address, uint Eip, Instruction Instruction);

/// <summary>One engine at work on one guest.</summary>
public interface IMonitor : IDisposable
{
    /// <summary>Runs the guest until the clock reaches the tick or the run ends otherwise; it may be called again after <see cref="GuestEnd.Limit"/>.</summary>
    GuestEnd Run(long limit);

    /// <summary>With <see cref="GuestEnd.Unsupported"/>: what it was, for the user.</summary>
    string? StopReason { get; }

    /// <summary>
    /// The inverse of the engine's VM map: turns what the hardware holds while the guest runs directly into what the guest would have on the bare machine.
    /// It may change only the fields that <see cref="GuestRegisters"/> declares translatable, and has nothing but them and its own tables to do so.
    /// </summary>
    void Translate(ref GuestRegisters registers);

    /// <summary>Of which guest instruction a translator's copy lies at a linear address that the processor executes; null: there is no copy, it is the guest's own.</summary>
    CodeSource? SourceOf(LinearAddress executed) => null;

    /// <summary>What the monitor holds for shadow page tables now.</summary>
    ShadowUse Shadows => default;

    /// <summary>Whether the last boundary was reached in the emulator, whose state is virtual already.</summary>
    bool IsEmulating { get; }
}

/// <summary>Shadow page tables of a monitor: of how many address spaces of its guest, and how many frames of host memory they are.</summary>
public readonly record struct ShadowUse(int AddressSpaces, int Frames);
