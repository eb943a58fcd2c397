using Harness.Machine;
using Harness.Vmm;

namespace Harness;

/// <summary>Something that can be chosen by name.</summary>
/// <param name="Name">As options, scenarios and records spell it.</param>
/// <param name="Describe">Gives a few words; only lists need them, and a model has to be read for them.</param>
public sealed record CatalogEntry(string Name, Func<string> Describe);

/// <summary>What can be chosen by name: registered here once, in the order in which everything lists it.</summary>
/// <param name="Engines">Engines, the reference first.</param>
/// <param name="Cpus">Processor models.</param>
/// <param name="Costs">Cost profiles.</param>
public sealed record Catalog(IReadOnlyList<CatalogEntry> Engines, IReadOnlyList<CatalogEntry> Cpus, IReadOnlyList<CatalogEntry> Costs)
{
    /// <summary>What this build holds.</summary>
    public static Catalog BuiltIn { get; } = new(
        [.. EngineRegistry.All.Select(e => new CatalogEntry(e.Name, () => e.Description))],
        [.. ProcessorModel.Names.Select(n => new CatalogEntry(n, () => ProcessorModel.Load(n).Description))],
        [.. CostProfile.Names.Select(n => new CatalogEntry(n, () => CostProfile.Load(n).Description))]);
}
