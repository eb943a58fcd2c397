using System.Globalization;

namespace Harness.Vmm;

/// <summary>A value that the guest sees and that another engine gives otherwise.</summary>
public sealed record Divergence
{
    /// <summary>The guest clock after the instruction, in the bare run.</summary>
    public required long Tick { get; init; }

    /// <summary>Linear address of the instruction.</summary>
    public required LinearAddress Address { get; init; }

    /// <summary>The mark that the address lies in, and the offset if it is not its start ("popf", "popf+2"); the address where there is none.</summary>
    public required string At { get; init; }

    /// <summary>
    /// What differs: "ecx", "eflags.IF", "[00012345]" (a byte of guest memory), "port 03F8", "#GP" (1: raised, 0: the instruction retired), "instruction" (its
    /// address), "console" (the first different character), "ticks", "exit code", "end" (a <see cref="GuestEnd"/>). A value that one side lacks is -1.
    /// </summary>
    public required string Value { get; init; }

    /// <summary>On the bare machine.</summary>
    public required long Bare { get; init; }

    /// <summary>Under the engine.</summary>
    public required long Found { get; init; }

    /// <summary>As <see cref="InstructionFormat"/> writes it; empty if no instruction retired.</summary>
    public required string Instruction { get; init; }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Value} at {At}{(Instruction.Length == 0 ? "" : $" ({Instruction})")}, tick {Tick}: bare {Show(Bare)}, found {Show(Found)}");

    /// <summary>One of the two values as text: an end by its name, what a side lacks as "none", small numbers decimal, others hexadecimal.</summary>
    public string Show(long number) => Value == "end"
        ? ((GuestEnd)number).ToString()
        : number < 0 ? "none"
        : number < 10 ? number.ToString(CultureInfo.InvariantCulture) : number.ToString("X", CultureInfo.InvariantCulture) + "h";
}

/// <summary>Whether a guest fared under an engine as on the bare machine.</summary>
/// <param name="Holds">Every effect was the same, to the end.</param>
/// <param name="FirstDivergence">The first value that differed.</param>
/// <param name="FirstControlFlow">Where the guest first executed another instruction; null if it never did.</param>
/// <param name="MetAgain">The runs differed on the way, and ended in the same way with the same registers and memory.</param>
public sealed record EquivalenceVerdict(bool Holds, Divergence? FirstDivergence, Divergence? FirstControlFlow, bool MetAgain);
