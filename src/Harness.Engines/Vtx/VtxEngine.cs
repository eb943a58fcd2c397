namespace Harness.Engines.Vtx;

/// <summary>VT-x with shadow paging, on processors without unrestricted guest: real mode runs as virtual-8086 mode where its segments allow it.</summary>
public sealed class VtxEngine : IEngine
{
    public string Name => "vtx";

    public string Description => "VT-x with shadow page tables";

    public MonitorKind Kind => MonitorKind.HardwareAssisted;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) =>
        !model.Has(Feature.Vmx) ? $"{model.Name} has no VT-x"
        : NeededControl.All.FirstOrDefault(c => !c.IsAllowedBy(model)) is { } missing ? $"the VT-x of {model.Name} has no {missing.Name} (MSR {missing.Capability:X})"
        : PreventedAccess.NotApplicable(model);

    public IReadOnlyList<string> Options { get; } = ["paging", "largePages", "ring"];

    /// <summary>
    /// Options: paging, see <see cref="EngineOption.AddressSpaces"/>; largePages, see <see cref="EngineOption.HasLargePages"/>; ring, see
    /// <see cref="EngineOption.DedicatesRing"/>.
    /// </summary>
    /// <exception cref="ArgumentException">An option has another value.</exception>
    public IMonitor Create(MonitorContext context) =>
        new VtxMonitor(context, EngineOption.AddressSpaces(context, Name), EngineOption.HasLargePages(context, Name), EngineOption.DedicatesRing(context, Name));
}
