using Harness.Vmm;
using GuestImage = Harness.Machine.GuestImage;

namespace Harness.Scenarios;

/// <summary>The machines of a host, as a scenario declares them.</summary>
public sealed class HostPlan
{
    private readonly List<PlannedMachine> _machines = [];

    internal IReadOnlyList<PlannedMachine> Machines => _machines;

    /// <summary>Adds a machine.</summary>
    /// <param name="name">Its name, for the results; no two have the same.</param>
    /// <param name="guest">What it runs; its memory is the most that the machine can have.</param>
    /// <param name="engine">Under which engine, whatever engine the others run under; null: under each that applies, in turn.</param>
    /// <param name="shares">Of the processor, from 1.</param>
    /// <param name="minimumPercent">Of the processor's time at least, 0 to 100.</param>
    /// <param name="maximumPercent">Of the processor's time at most, 1 to 100.</param>
    /// <param name="memoryShares">Of memory, from 1.</param>
    /// <param name="minimumPages">Pages of 4 KiB that it has whatever the others need.</param>
    /// <param name="balloon">It has a balloon device, which the guest drives.</param>
    public void Machine(
        string name, GuestImage guest, string? engine = null, int shares = 1_000, int minimumPercent = 0, int maximumPercent = 100, int memoryShares = 1_000,
        int minimumPages = 0, bool balloon = false)
    {
        Given.NotNull(name, "a name");
        Given.NotNull(guest, "a guest such as Guest.Kernel(k => ...)");
        if (shares < 1 || memoryShares < 1 || minimumPercent is < 0 or > 100 || maximumPercent is < 1 or > 100 || minimumPercent > maximumPercent)
        {
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"Machine '{name}': expected shares from 1, and percentages from 0 (at most: from 1) to 100, the least not above the most; found {shares} and {memoryShares}, {minimumPercent} and {maximumPercent}."));
        }

        if (minimumPages < 0)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Machine '{name}': expected a minimum of pages from 0; found {minimumPages}"), nameof(minimumPages));
        }

        if (_machines.Exists(m => m.Name == name))
        {
            throw new ArgumentException($"There is a machine '{name}' already: give each a name of its own.", nameof(name));
        }

        _machines.Add(new PlannedMachine(name, guest, engine, shares, minimumPercent, maximumPercent, memoryShares, minimumPages, balloon));
    }
}

/// <summary>See <see cref="HostPlan.Machine"/>.</summary>
internal sealed record PlannedMachine(
    string Name, GuestImage Guest, string? Engine, int Shares, int MinimumPercent, int MaximumPercent, int MemoryShares, int MinimumPages, bool Balloon)
{
    public HostedMachine With(RunRequest request) => new()
    {
        Name = Name,
        Request = request with { Devices = request.Devices with { Balloon = Balloon || request.Devices.Balloon } },
        Shares = Shares,
        MinimumPercent = MinimumPercent,
        MaximumPercent = MaximumPercent,
        MemoryShares = MemoryShares,
        MinimumBytes = (long)MinimumPages * PageBytes,
    };

    private const int PageBytes = 4096;
}

/// <summary>What a host rarely needs to say. Figures are explained with <see cref="HostOptions"/>.</summary>
public sealed record HostSettings
{
    /// <summary>Of each machine's run.</summary>
    public RunSettings Runs { get; init; } = new();

    /// <summary>Pages of 4 KiB of swap space.</summary>
    public int SwapPages { get; init; } = 1 << 18;

    /// <inheritdoc cref="HostOptions.Quantum"/>
    public long Quantum { get; init; } = 1_000;

    /// <inheritdoc cref="HostOptions.Period"/>
    public long Period { get; init; } = 10_000;

    /// <inheritdoc cref="HostOptions.SharesPages"/>
    public bool SharesPages { get; init; } = true;

    /// <inheritdoc cref="HostOptions.SamplesPerPeriod"/>
    public int SamplesPerPeriod { get; init; } = 100;

    /// <inheritdoc cref="HostOptions.IdleTax"/>
    public double IdleTax { get; init; } = IdleMemoryTax.DefaultRate;

    /// <inheritdoc cref="HostOptions.PagesPerSwap"/>
    public int PagesPerSwap { get; init; } = 16;

    /// <summary>Ticks of all machines together after which the host stops.</summary>
    public long MaxTicks { get; init; } = ScenarioContext.DefaultBudget;

    internal HostOptions Options(int pages, int machines, ulong seed) => new()
    {
        MemoryBytes = machines * Admission.Overhead + (long)pages * Ram.PageSize,
        SwapBytes = (long)SwapPages * Ram.PageSize,
        Quantum = Quantum,
        Period = Period,
        Seed = seed,
        SharesPages = SharesPages,
        SamplesPerPeriod = SamplesPerPeriod,
        IdleTax = IdleTax,
        PagesPerSwap = PagesPerSwap,
    };
}
