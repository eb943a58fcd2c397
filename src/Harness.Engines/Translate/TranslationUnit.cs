using Iced.Intel;

namespace Harness.Engines.Translate;

/// <summary>A page of the guest's code from which units were made, and the frame that it was found in. The frame is traced.</summary>
internal sealed record SourcePage(uint Linear, uint Frame)
{
    public List<TranslationUnit> Units { get; } = [];
}

/// <summary>Guest instructions that follow each other, and their code in the cache.</summary>
/// <param name="Linear">Of the first instruction.</param>
/// <param name="Pages">One, or two where a single instruction crosses their border.</param>
internal sealed record TranslationUnit(uint Linear, IReadOnlyList<SourcePage> Pages)
{
    public uint Length { get; set; }

    /// <summary>False: dropped, and nothing leads here any more.</summary>
    public bool IsValid { get; set; } = true;

    /// <summary>EIPs of its instructions at which the guest may enter it.</summary>
    public List<uint> Entries { get; } = [];

    /// <summary>Jumps of other units to it, and its own.</summary>
    public List<CacheLink> Incoming { get; } = [];

    public bool Overlaps(uint linear, uint size) => linear < (ulong)Linear + Length && Linear < (ulong)linear + size;
}

/// <summary>Where a guest EIP has its code.</summary>
internal readonly record struct CacheEntry(TranslationUnit Unit, uint Address);

/// <summary>A direct jump of translated code.</summary>
/// <param name="From">The unit that it is in.</param>
/// <param name="Field">Address of its displacement.</param>
/// <param name="Stub">Where it leads as long as it is not linked: a callout.</param>
/// <param name="Eip">The guest's target.</param>
internal sealed record CacheLink(TranslationUnit From, uint Field, uint Stub, uint Eip);

/// <summary>Code that begins at an address: of which guest instruction, or before which one it ends.</summary>
/// <param name="Address">In the cache.</param>
/// <param name="Eip">The guest's.</param>
/// <param name="Instruction">None where the code only leads on.</param>
/// <param name="InShadow">It follows an STI, and is reached in no other way.</param>
internal readonly record struct CacheSite(uint Address, uint Eip, Instruction Instruction = default, bool InShadow = false);

/// <summary>Why translated code calls the monitor.</summary>
internal enum CalloutType
{
    /// <summary>It does not: it trapped.</summary>
    None,

    /// <summary>The guest goes on at an address for which the cache has no link yet.</summary>
    Chain,

    /// <summary>RET and indirect jumps and calls whose target the table does not have.</summary>
    Indirect,

    /// <summary>What a less privileged ring or another code segment would do otherwise.</summary>
    Sensitive,

    /// <summary>A memory access that kept faulting on traced memory.</summary>
    Trace,
}

/// <summary>A callout at an address. Link: the jump that led to it.</summary>
internal readonly record struct Callout(CalloutType Type, CacheLink? Link);
