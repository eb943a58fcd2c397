namespace Harness.Engines;

/// <summary>What keeps every engine that runs guests directly from a model: their shadow page tables hold nothing of SMEP and SMAP.</summary>
internal static class PreventedAccess
{
    public static string? NotApplicable(ProcessorModel model) => model.Has(Feature.Smep) || model.Has(Feature.Smap)
        ? $"{model.Name} has SMEP or SMAP, which shadow page tables do not keep for the guest"
        : null;
}
