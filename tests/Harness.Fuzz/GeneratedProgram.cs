using Harness.Machine;
using Harness.Machine.Devices;

namespace Harness.Fuzz;

/// <summary>What a generated program is meant to contain; whether an execution of it is harmful, and where, is found when it runs.</summary>
public enum ProgramKind
{
    /// <summary>No sensitive instruction in the kernel, and in programs those that show nothing of a monitor.</summary>
    Plain,

    /// <summary>Programs look at what is the system's: SIDT, SGDT, SLDT, STR, SMSW, LSL, PUSHFD at IOPL 3, ...</summary>
    SensitiveUser,

    /// <summary>So does the kernel, and it changes IF by POPFD: no image against hypercalls.</summary>
    SensitiveKernel,

    /// <summary>Plain, and ring deprivileging lets returns to user mode run directly: IRETD changes IF.</summary>
    DirectReturn,
}

/// <summary>Whether a program has a disk behind a ring, and who drives it.</summary>
public enum RingUse
{
    None,
    Emulated,
    Dedicated,
}

/// <summary>A guest of the equivalence campaign.</summary>
/// <param name="Number">Its number: with the seed all that it depends on.</param>
/// <param name="Kind">What it was made of.</param>
/// <param name="Processes">Programs in ring 3.</param>
/// <param name="Image">Kernel and programs.</param>
/// <param name="Injections">Interrupts at random ticks.</param>
/// <param name="Ring">Its disk.</param>
public sealed record GeneratedProgram(long Number, ProgramKind Kind, int Processes, GuestImage Image, IReadOnlyList<Injection> Injections, RingUse Ring);
