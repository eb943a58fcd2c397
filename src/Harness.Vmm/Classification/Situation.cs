namespace Harness.Vmm.Classification;

/// <summary>Mode of the guest whose instructions are classified; each has a supervisor and a user side.</summary>
public enum GuestMode : byte
{
    /// <summary>Supervisor: real-address mode. User: its partner, virtual-8086 mode.</summary>
    Real,

    /// <summary>Supervisor: 32-bit protected mode at CPL 0. User: at CPL 3.</summary>
    Protected,

    /// <summary>A program that runs in virtual-8086 mode in the guest too: only the user side counts; its partner for privilege is real-address mode.</summary>
    Virtual8086,
}

/// <summary>The side of a pair: Popek and Goldberg's M.</summary>
public enum Side : byte
{
    Supervisor,
    User,
}

/// <summary>What differs between two runs that are compared, beside nothing: the instruction, its operands and the other components are equal.</summary>
public enum Axis : byte
{
    /// <summary>Nothing: the state itself, or the one to compare others with.</summary>
    None,

    /// <summary>Guest-physical memory lies elsewhere in host-physical memory: page tables and CR3 lead there.</summary>
    Memory,

    /// <summary>The bases of the segments, and in real-address and virtual-8086 mode with them the selectors.</summary>
    Segments,

    /// <summary>The bases of GDT and IDT, the selectors and bases of LDT and TSS.</summary>
    Tables,

    /// <summary>CR0.MP, CR2, CR4.MCE, DR0 to DR3, DR6, DR7.LE, EFER.NXE and the writable bits of MSRs: what a monitor keeps for itself.</summary>
    ControlRegisters,

    /// <summary>EFLAGS.IF.</summary>
    InterruptFlag,

    /// <summary>The clock: time-stamp and performance counters.</summary>
    Time,

    /// <summary>What the platform answers: CPUID and ports.</summary>
    Platform,
}

/// <summary>
/// What keeps the modes of a pair from sharing memory. Without any, both may use all of it, for otherwise every access would depend on the mode; each of these is
/// varied alone.
/// </summary>
public enum MemoryProtection : byte
{
    /// <summary>Data segments of DPL 3, pages of the user, no prevention.</summary>
    None,

    /// <summary>Data segments of DPL 0: on the user side, which cannot load them, they are unusable.</summary>
    SupervisorSegments,

    /// <summary>The pages of data are the supervisor's.</summary>
    SupervisorPages,

    /// <summary>CR4.SMEP: the supervisor cannot execute from the user's pages, where all code lies.</summary>
    Smep,

    /// <summary>CR4.SMAP, and EFLAGS.AC clear: the supervisor cannot use the user's pages. The tables lie on its own.</summary>
    Smap,
}

/// <summary>Bits with which a monitor decides what traps: verdicts are relative to them.</summary>
/// <param name="Name">As reports print it.</param>
/// <param name="Iopl">EFLAGS.IOPL, of both sides.</param>
/// <param name="Traps">CR4.TSD set, CR4.PCE clear, an I/O permission bitmap that denies, CR4.UMIP and CPUID faulting where the model has them.</param>
/// <param name="VirtualInterrupts">CR4.VME and CR4.PVI.</param>
/// <param name="Protection">What keeps the modes from sharing memory.</param>
public sealed record MonitorConfiguration(string Name, int Iopl, bool Traps, bool VirtualInterrupts, MemoryProtection Protection = MemoryProtection.None)
{
    private static readonly MonitorConfiguration[] Protections =
    [
        new("supervisor-segments", 3, false, false, MemoryProtection.SupervisorSegments),
        new("supervisor-pages", 3, false, false, MemoryProtection.SupervisorPages),
        new("smep", 3, false, false, MemoryProtection.Smep),
        new("smap", 3, false, false, MemoryProtection.Smap),
    ];

    /// <summary>IOPL 3, no trap that can be turned off.</summary>
    public static MonitorConfiguration Permissive { get; } = new("permissive", 3, false, false);

    /// <summary>IOPL 0, every trap that can be turned on.</summary>
    public static MonitorConfiguration Trapping { get; } = new("trapping", 0, true, false);

    /// <summary>As <see cref="Trapping"/>, with the virtual-8086 mode extensions and protected-mode virtual interrupts.</summary>
    public static MonitorConfiguration Virtual { get; } = new("virtual-interrupts", 0, true, true);

    /// <summary>Those that differ on the model, the most permissive first: what is classified unless asked for another, and what theorems choose from.</summary>
    public static IReadOnlyList<MonitorConfiguration> Of(ProcessorModel model) =>
        model.Has(Feature.Vme) ? [Permissive, Trapping, Virtual] : [Permissive, Trapping];

    /// <summary>As <see cref="Permissive"/>, with memory that the modes do not share, in each way that the model has. Protected mode only: the other modes have no segments or pages of their own.</summary>
    public static IReadOnlyList<MonitorConfiguration> WithProtection(ProcessorModel model) =>
        [.. Protections.Where(p => p.Protection switch { MemoryProtection.Smep => model.Has(Feature.Smep), MemoryProtection.Smap => model.Has(Feature.Smap), _ => true })];

    /// <summary>By name, or null.</summary>
    public static MonitorConfiguration? Find(string name) => new[] { Permissive, Trapping, Virtual }.Concat(Protections).FirstOrDefault(c => c.Name == name);
}

/// <summary>Where a setting runs.</summary>
public readonly record struct Situation(GuestMode Mode, Side Side, MonitorConfiguration Configuration, Axis Axis)
{
    /// <summary>PE=0.</summary>
    public bool IsReal => Mode != GuestMode.Protected && Side == Side.Supervisor;

    /// <summary>VM=1.</summary>
    public bool IsVirtual8086 => Mode != GuestMode.Protected && Side == Side.User;

    /// <summary>Default size of code.</summary>
    public int Bits => BitsOf(Mode);

    /// <summary>Default operand and address size of the code of a mode: 16 or 32.</summary>
    public static int BitsOf(GuestMode mode) => mode == GuestMode.Protected ? 32 : 16;

    /// <inheritdoc/>
    public override string ToString()
    {
        string side = IsReal ? "real-address mode" : IsVirtual8086 ? "virtual-8086 mode" : Side == Side.Supervisor ? "CPL 0" : "CPL 3";
        string place = Axis switch
        {
            Axis.None => "",
            Axis.Memory => ", memory moved",
            Axis.Segments => ", segments moved",
            Axis.Tables => ", descriptor tables moved",
            Axis.ControlRegisters => ", other control registers",
            Axis.InterruptFlag => ", IF=0",
            Axis.Time => ", later",
            _ => ", another platform",
        };
        return side + place;
    }
}
