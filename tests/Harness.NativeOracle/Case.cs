using System.Runtime.CompilerServices;

namespace Harness.NativeOracle;

/// <summary>Eight 32-bit general registers in encoding order: EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
[InlineArray(8)]
public struct GeneralRegisters
{
    private uint _first;
}

/// <summary>Six selectors in encoding order: ES, CS, SS, DS, FS, GS.</summary>
[InlineArray(6)]
public struct Selectors
{
    private ushort _first;
}

/// <summary>The registers before or after one instruction.</summary>
public struct RegisterState
{
    /// <summary>General registers.</summary>
    public GeneralRegisters Gpr;

    /// <summary>Segment selectors; bases and limits follow from <see cref="World"/>.</summary>
    public Selectors Segments;

    /// <summary>Offset in CS.</summary>
    public uint Eip;

    /// <summary>The flags, RF as zero.</summary>
    public uint Eflags;
}

/// <summary>Bytes at a linear address: what a case sets, or what an instruction changed.</summary>
/// <param name="Address">Linear address of the first byte.</param>
/// <param name="Bytes">The bytes.</param>
public readonly record struct MemoryBytes(uint Address, byte[] Bytes);

/// <summary>An exception that the instruction raised.</summary>
/// <param name="Vector">0 to 31.</param>
/// <param name="ErrorCode">The error code, 0 for a vector without one. The instruction-fetch bit of a page fault is zero: it exists only with NX.</param>
/// <param name="Cr2">The faulting linear address of a page fault, else 0.</param>
public readonly record struct Fault(int Vector, uint ErrorCode, uint Cr2);

/// <summary>One instruction with everything it can see in ring 3.</summary>
/// <param name="Seed">Seed of its campaign.</param>
/// <param name="Number">Number in its campaign.</param>
/// <param name="Form">Name of the instruction form.</param>
/// <param name="Before">Registers; the code segment says whether code is 16- or 32-bit.</param>
/// <param name="Code">The bytes of the instruction, at CS:EIP. INT3 (CCh) fills the page behind them.</param>
/// <param name="Memory">Bytes set over <see cref="World.Background"/>, all in writable pages, in ascending order without overlap.</param>
public sealed record Case(ulong Seed, int Number, string Form, RegisterState Before, byte[] Code, IReadOnlyList<MemoryBytes> Memory)
{
    /// <summary>16 or 32.</summary>
    public int Bitness => World.Find(Before.Segments[1])!.Value.Big ? 32 : 16;

    /// <summary>Linear address of the instruction.</summary>
    public uint CodeAddress => World.Find(Before.Segments[1])!.Value.Base + Before.Eip;
}

/// <summary>What one instruction did. A REP string instruction runs to its end or to its fault.</summary>
/// <param name="After">Registers; after a fault, as the handler finds them.</param>
/// <param name="Fault">The exception, or null.</param>
/// <param name="Changes">Bytes of writable pages that differ from before, in ascending order, adjacent ones joined.</param>
public sealed record CaseResult(RegisterState After, Fault? Fault, IReadOnlyList<MemoryBytes> Changes);

/// <summary>Something that executes a case: the processor itself, or the machine that it judges.</summary>
public interface ICaseRunner
{
    /// <summary>What it is, for headers and reproduction texts.</summary>
    string Name { get; }

    /// <summary>Executes exactly one instruction in the state of the case and of <see cref="World"/>.</summary>
    /// <param name="test">The case.</param>
    CaseResult Run(Case test);
}
