namespace Harness.Engines.Hybrid;

/// <summary>
/// The hybrid monitor of Popek and Goldberg's third theorem (CACM 17(7), 1974): whatever the guest does in virtual supervisor mode, real and virtual-8086 mode
/// included, is interpreted; virtual user mode runs directly. It is right where every instruction that is sensitive in user mode is privileged.
/// </summary>
public sealed class HybridEngine : IEngine
{
    public string Name => "hybrid";

    public string Description => "interpreted supervisor mode, direct user mode";

    public MonitorKind Kind => MonitorKind.Hybrid;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => PreventedAccess.NotApplicable(model);

    public IReadOnlyList<string> Options { get; } = ["paging", "largePages"];

    /// <summary>Options: paging, see <see cref="EngineOption.AddressSpaces"/>; largePages, see <see cref="EngineOption.HasLargePages"/>.</summary>
    /// <exception cref="ArgumentException">An option has another value.</exception>
    public IMonitor Create(MonitorContext context) => new DeprivilegingMonitor(
        context, new DirectExecution(KernelRing: 0, TrapsUserReturn: false, HasUserShadow: false, EngineOption.AddressSpaces(context, Name))
        {
            HasLargePages = EngineOption.HasLargePages(context, Name),
        });
}
