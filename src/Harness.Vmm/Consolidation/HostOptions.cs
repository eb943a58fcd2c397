using System.Globalization;

namespace Harness.Vmm;

/// <summary>A host for several machines. Figures of the paper are those of Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002.</summary>
public sealed record HostOptions
{
    /// <summary>All of the host's memory in bytes, the monitors' own included: a multiple of 4 KiB.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Swap space in bytes.</summary>
    public long SwapBytes { get; init; } = 1L << 30;

    /// <summary>Ticks that a machine runs before another may, of its own clock.</summary>
    public long Quantum { get; init; } = 1_000;

    /// <summary>Ticks of all machines together between two looks at memory: samples, a scan for equal pages, new targets.</summary>
    public long Period { get; init; } = 10_000;

    /// <summary>Of the random streams: which pages are sampled, and which are swapped.</summary>
    public ulong Seed { get; init; }

    /// <summary>Look for pages with the same bytes.</summary>
    public bool SharesPages { get; init; } = true;

    /// <summary>Pages of each machine that are hashed in a period.</summary>
    public int PagesPerScan { get; init; } = 256;

    /// <summary>Pages of each machine whose use is watched in a period (5.3: 100); 0: none, and all memory counts as in use.</summary>
    public int SamplesPerPeriod { get; init; } = 100;

    /// <summary>The idle-memory tax, from 0 to below 1: the part of a machine's idle memory that may be taken (5.2: 0.75).</summary>
    public double IdleTax { get; init; } = IdleMemoryTax.DefaultRate;

    /// <summary>Pages that can be written to swap space between two time slices.</summary>
    public int PagesPerSwap { get; init; } = 16;

    private const long MaximumBytes = 1L << 40;

    /// <summary>What is out of its range, in words; null: nothing.</summary>
    internal string? Mistake =>
        MemoryBytes is < 0 or > MaximumBytes || MemoryBytes % Ram.PageSize != 0 ? Text($"memory from 0 to {MaximumBytes >> 30} GiB, a multiple of 4 KiB, was expected; found {MemoryBytes} bytes")
        : Quantum < 1 ? Text($"a quantum from 1 was expected; found {Quantum}")
        : Period < 1 ? Text($"a period from 1 was expected; found {Period}")
        : PagesPerScan < 0 ? Text($"pages to hash in a period from 0 were expected; found {PagesPerScan}")
        : SamplesPerPeriod < 0 ? Text($"samples in a period from 0 were expected; found {SamplesPerPeriod}")
        : IdleTax is not (>= 0 and < 1) ? Text($"an idle-memory tax from 0 to below 1 was expected; found {IdleTax}")
        : PagesPerSwap < 1 ? Text($"pages to write to swap space from 1 were expected; found {PagesPerSwap}")
        : SwapBytes < 0 ? Text($"swap space from 0 was expected; found {SwapBytes >> 10} KiB")
        : null;

    /// <summary>Protections that are left out, by tests that show that each is needed.</summary>
    internal Protection Omitted { get; init; }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One machine of a host: what it runs and what it is entitled to.</summary>
public sealed record HostedMachine
{
    public required string Name { get; init; }

    /// <summary>Guest, engine, model, devices; its budget is this machine's.</summary>
    public required RunRequest Request { get; init; }

    /// <summary>Of the processor, from 1: time is shared in proportion.</summary>
    public int Shares { get; init; } = 1_000;

    /// <summary>Percent of the host's time that it gets at least, as long as it can run.</summary>
    public int MinimumPercent { get; init; }

    /// <summary>Percent of the host's time that it gets at most.</summary>
    public int MaximumPercent { get; init; } = 100;

    /// <summary>Of memory, from 1.</summary>
    public int MemoryShares { get; init; } = 1_000;

    /// <summary>Bytes of memory that it has whatever the others need (6.1: min).</summary>
    public long MinimumBytes { get; init; }

    /// <summary>What its guest believes to have (6.1: max).</summary>
    public long MaximumBytes => Request.Guest.MemoryBytes;
}
