namespace Harness.Engines.Paravirt;

/// <summary>
/// Paravirtualization: a kernel that was built for it runs in ring 1 over its own descriptor and page tables, which the monitor has checked, and asks for what it
/// may not do itself by hypercalls. A guest without an image built against them does not apply.
/// </summary>
public sealed class ParavirtEngine : IEngine
{
    /// <summary>Set by every protected-mode guest, or true of every paravirtual one; caches are not modelled.</summary>
    private const uint Ignored = Cr0.PE | Cr0.ET | Cr0.WP | Cr0.NW | Cr0.CD;

    public string Name => "paravirt";

    public string Description => "hypercalls, direct paging";

    public MonitorKind Kind => MonitorKind.Paravirtual;

    public EquivalenceLevel Level => EquivalenceLevel.Programs;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) =>
        guest.Paravirtual is null ? guest.NotParavirtual
        : (guest.Entry.Cr0 & ~(ParavirtMonitor.HonouredCr0 | Ignored)) is not 0 and var cr0 ? $"the guest starts with bits of CR0 that its monitor cannot give it: {cr0:X}h"
        : (guest.Entry.Cr4 & ~ParavirtMonitor.HonouredCr4) is not 0 and var cr4 ? $"the guest starts with bits of CR4 that its monitor cannot give it: {cr4:X}h"
        : !model.Has(Feature.I486) ? "ring 1 can write to read-only pages: the model has no CR0.WP"
        : PreventedAccess.NotApplicable(model);

    public string NotOnSharedHost => "the guest's page tables, which the processor walks, name host frames (direct paging): the host cannot take one back";

    public GuestImage ImageOf(GuestImage guest) => guest.Paravirtual!;

    public IReadOnlyList<string> Options { get; } = ["ring"];

    /// <summary>Options: ring, see <see cref="EngineOption.DedicatesRing"/>.</summary>
    /// <exception cref="ArgumentException">An option has another value.</exception>
    public IMonitor Create(MonitorContext context) => new ParavirtMonitor(context, EngineOption.DedicatesRing(context, Name));
}
