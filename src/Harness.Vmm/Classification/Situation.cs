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

/// <summary>Bits with which a monitor decides what traps: verdicts are relative to them.</summary>
/// <param name="Name">As reports print it.</param>
/// <param name="Iopl">EFLAGS.IOPL, of both sides.</param>
/// <param name="Traps">CR4.TSD set, CR4.PCE clear, an I/O permission bitmap that denies, CR4.UMIP and CPUID faulting where the model has them.</param>
/// <param name="VirtualInterrupts">CR4.VME and CR4.PVI.</param>
public sealed record MonitorConfiguration(string Name, int Iopl, bool Traps, bool VirtualInterrupts)
{
    /// <summary>IOPL 3, no trap that can be turned off.</summary>
    public static MonitorConfiguration Permissive { get; } = new("permissive", 3, false, false);

    /// <summary>IOPL 0, every trap that can be turned on.</summary>
    public static MonitorConfiguration Trapping { get; } = new("trapping", 0, true, false);

    /// <summary>As <see cref="Trapping"/>, with the virtual-8086 mode extensions and protected-mode virtual interrupts.</summary>
    public static MonitorConfiguration Virtual { get; } = new("virtual-interrupts", 0, true, true);

    /// <summary>Those that differ on the model, the most permissive first.</summary>
    public static IReadOnlyList<MonitorConfiguration> Of(ProcessorModel model) =>
        model.Has(Feature.Vme) ? [Permissive, Trapping, Virtual] : [Permissive, Trapping];

    /// <summary>By name, or null.</summary>
    public static MonitorConfiguration? Find(string name) => new[] { Permissive, Trapping, Virtual }.FirstOrDefault(c => c.Name == name);
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
